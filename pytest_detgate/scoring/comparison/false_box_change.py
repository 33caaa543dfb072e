"""How false boxes changed from one model to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.resampling import Resampling, resampled_sums


@dataclass(frozen=True, slots=True, eq=False)
class FalseBoxChange:
    """False boxes by image of the gated model, and of the other where they are known: `before`
    is their sum."""

    own: NDArray[np.int64]
    before: int
    other: NDArray[np.int64] | None

    def more(self) -> NDArray[np.int64]:
        """(images,) how many more there are on each image; where the baseline's are not known by
        image, how many there are."""
        return self.own if self.other is None else self.own - self.other

    def change(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the difference of the sums in every draw."""
        return resampled_sums(self.own, draws) - self._others(draws)

    def growth(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the same as a share of the baseline; NaN where a draw has none of its boxes."""
        before = self._others(draws)
        change = self.change(draws)
        undefined = np.full(len(change), np.nan)
        share: NDArray[np.float64] = np.divide(change, before, out=undefined, where=before > 0)
        return share

    def reduction(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the share of the baseline that is gone."""
        return -self.growth(draws)

    def interval(self, value_of: Draws, factor: float, intervals: Intervals) -> Interval:
        """The interval of a metric, which is the change times a factor: no narrower than the
        exact ones of the boxes that came and of those that went."""
        draws = intervals.resampling
        grown = max(1, int(self.more().max())) * len(self.own)
        lost = self.before
        if self.other is not None:
            lost = max(1, int(-self.more().min())) * len(self.own)
        span = sorted((-factor * lost, factor * grown))
        drawn = intervals.of_draws(value_of(self, draws), (span[0], span[1]), draws.units.count)
        if intervals.method == "percentile":
            return drawn
        ends = sorted(factor * change for change in self._exact_change(intervals))
        return widened(drawn, *ends)

    def _exact_change(self, intervals: Intervals) -> tuple[float, float]:
        """The change by the exact bounds of the boxes that went and of those that came."""
        units = intervals.resampling.units
        evidence = ProbeEvidence.of_units(units, intervals.confidence, intervals.copies)
        if self.other is None:
            own = evidence.of_boxes(self.own)
            return own.low - self.before, own.high - self.before
        came, went = np.maximum(self.more(), 0), np.maximum(-self.more(), 0)
        return (
            int(came.sum()) - evidence.of_boxes(went).high,
            evidence.of_boxes(came).high - int(went.sum()),
        )

    def _others(self, draws: Resampling) -> NDArray[np.float64]:
        if self.other is None:
            return np.full(draws.replicates, float(self.before))
        return resampled_sums(self.other, draws)


def grown_first(more: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices of numbers above 0, the largest first."""
    return np.argsort(-more, kind="stable")[: np.count_nonzero(more > 0)]


Draws = Callable[[FalseBoxChange, Resampling], NDArray[np.float64]]
"""A metric of a change in every draw, (B,)."""
