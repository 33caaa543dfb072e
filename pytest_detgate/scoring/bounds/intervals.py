"""Intervals of metrics, by the method that the project chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import INDEPENDENT_IMAGES, Interval, IntervalMethod
from pytest_detgate.scoring.bounds.exact_limits import Seen
from pytest_detgate.scoring.bounds.resampling import (
    Resampling,
    Units,
    counted_units,
    defined_values,
    require_units,
)
from pytest_detgate.scoring.bounds.unseen_clip import bounds_of_draws


@dataclass(frozen=True, slots=True)
class Intervals:
    """How the intervals of a split or probe are computed: the units that are drawn, the confidence
    of each end, and the method.

    With `copies` they are the intervals that so many times as many units would give, all like those
    that were seen: it tells how many are needed.
    """

    resampling: Resampling
    confidence: float
    method: IntervalMethod = "auto"
    copies: float = 1.0

    def of_draws(
        self, values: NDArray[np.float64], span: tuple[float, float], units: int
    ) -> Interval:
        """Return the interval of a metric from its value in each draw, (B,), which lies within
        `span` and depends on so many of the units."""
        values = defined_values(values, self.resampling)
        drawn = f"{self.resampling.replicates} replicates, seed {self.resampling.seed}"
        if self.method == "percentile":
            low, high = np.quantile(values, [1 - self.confidence, self.confidence])
            return self._interval(float(low), float(high), "percentile bootstrap", drawn)
        if self.copies != 1:
            centre = float(values.mean())
            values = centre + (values - centre) / np.sqrt(self.copies)
        low, high = bounds_of_draws(values, span, self.copies * units, self.confidence)
        return self._interval(low, high, "bootstrap", f"one more unlike them, {drawn}")

    def of_share(
        self,
        part: NDArray[np.int64],
        whole: NDArray[np.int64],
        draws: Callable[[Resampling], NDArray[np.float64]],
    ) -> Interval:
        """Return the interval of a share, of the boxes of each unit and the `part` of them that
        was found, (U,); `draws` gives the share in each draw to the method that asks for it."""
        require_units(self.resampling.units)
        if self.method == "percentile":
            return self.of_draws(draws(self.resampling), (0.0, 1.0), len(whole))
        boxes = float(whole.sum())
        seen = Seen(part.astype(np.float64), whole.astype(np.float64), boxes, self.copies)
        low, high = seen.low(self.confidence), seen.high(self.confidence)
        return self._interval(low, high, "exact", "one more unlike them")

    def _interval(self, low: float, high: float, name: str, rest: str) -> Interval:
        return Interval(
            low=low,
            high=high,
            confidence=self.confidence,
            method=f"{name} over {units_of_interval(self.resampling.units)}, {rest}",
        )


def units_of_interval(units: Units) -> str:
    """Say what an interval takes to be independent: `40 clips`, `40 independent images`."""
    if units.kind == "clip":
        return counted_units(units)
    return f"{units.count} {INDEPENDENT_IMAGES}"
