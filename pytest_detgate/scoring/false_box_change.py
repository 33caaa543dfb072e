"""How false boxes changed from one model to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.resampling import Resampling, resampled_sums
from pytest_detgate.scoring.probe_evidence import ProbeEvidence


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

    def limit(self, interval: Interval, draws: Resampling, factor: float) -> Interval:
        """The interval of `factor` times the change, no narrower than the exact ones of the boxes
        that came and of those that went."""
        units = draws.units
        evidence = ProbeEvidence(
            frames=len(self.own),
            confidence=interval.confidence,
            clip=units.of_image if units.kind == "clip" else None,
        )
        more = self.more()
        came, went = np.maximum(more, 0), np.maximum(-more, 0)
        fixed = self.before if self.other is None else 0
        most = evidence.of_boxes(came).high - int(went.sum()) - fixed
        least = int(came.sum()) - evidence.of_boxes(went).high - fixed
        if self.other is None:
            least = evidence.of_boxes(came).low - fixed
        ends = sorted((factor * least, factor * most))
        return widened(interval, *ends)

    def _others(self, draws: Resampling) -> NDArray[np.float64]:
        if self.other is None:
            return np.full(draws.replicates, float(self.before))
        return resampled_sums(self.other, draws)


def grown_first(more: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices of numbers above 0, the largest first."""
    return np.argsort(-more, kind="stable")[: np.count_nonzero(more > 0)]
