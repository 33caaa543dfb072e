"""How far a bound may go: never beyond the exact bound of what was seen.

The metrics here are shares of the ground truth that was found, or cannot exceed such a share: AP
is at most the recall that is reached (except at the recall point 0, which a bound leaves out). The
lower bound of such a metric is at most its value, and at most the lower bound of that share over
clips (see `unseen_clip`) and over boxes: Clopper and Pearson (Biometrika 1934; 26:404-413) with as
many boxes as their weights leave in effect (Kish, Survey Sampling 1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval
from pytest_detgate.scoring.bounds.unseen_clip import chance_of_at_most, lower_ratio

_MANY = 1000
"""From so many units on, draws say what the exact bound says, which would take a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a metric was computed from: the weight of the ground truth of each unit (clip, or image
    where there are no clips), (U,), the part of it that was found, and the number of boxes in
    effect. With `copies` so many times as many of them were seen, all like these: it tells what
    more evidence would show."""

    objects_found: NDArray[np.float64]
    weight: NDArray[np.float64]
    boxes: float
    copies: float = 1.0

    @property
    def units(self) -> int:
        """The number of units that hold ground truth."""
        return int(np.count_nonzero(self.weight))

    @property
    def _few(self) -> bool:
        return self.units < _MANY

    @property
    def share(self) -> float:
        """The share that was found."""
        return float(np.clip(self.objects_found.sum() / self.weight.sum(), 0, 1))

    def low(self, confidence: float) -> float:
        """Return the lower bound of the share."""
        over_boxes = self._over_boxes(self.share, confidence)
        return min(
            over_boxes.low, lower_ratio(self.objects_found, self.weight, confidence, self.copies)
        )

    def high(self, confidence: float) -> float:
        """Return the upper bound of the share."""
        missed = np.maximum(self.weight - self.objects_found, 0.0)
        return 1 - Seen(missed, self.weight, self.boxes, self.copies).low(confidence)

    def limit(self, interval: Interval, value: float) -> Interval:
        """Return the interval of a metric of this value that is at most the share, no better than
        what was seen allows."""
        confidence = interval.confidence
        low = self._over_boxes(self.share, confidence).low
        reached = min(interval.low, value, low)
        # Most metrics are far below the bound of the share: one look at its tail spares a search.
        chance = (
            chance_of_at_most(self.objects_found, self.weight, reached, self.copies)
            if self._few
            else 0.0
        )
        if chance > 1 - confidence:
            low = self.low(confidence)
        high = self._over_boxes(value, confidence).high
        return widened(interval, min(value, low), max(value, high))

    def _over_boxes(self, share: float, confidence: float) -> Interval:
        boxes = self.copies * self.boxes
        return binomial_interval(share * boxes, boxes, confidence)


def seen(
    objects_found: NDArray[np.float64], category: NDArray[np.int64], unit: NDArray[np.int64]
) -> Seen:
    """Return what was seen of G ≥ 1 boxes, from how far each was found, (G,) from 0 to 1, its
    class and its unit. Every class counts the same, as in COCO's mean."""
    _, number, counts = np.unique(category, return_inverse=True, return_counts=True)
    weight = 1 / (len(counts) * counts[number.reshape(-1)])
    _, index = np.unique(unit, return_inverse=True)
    index = index.reshape(-1)
    return Seen(
        objects_found=np.bincount(index, weight * objects_found).astype(np.float64),
        weight=np.bincount(index, weight).astype(np.float64),
        boxes=1 / float(weight @ weight),
    )


def widened(interval: Interval, low: float, high: float) -> Interval:
    """Return the interval, which reaches at least from `low` to `high`."""
    return replace(interval, low=min(interval.low, low), high=max(interval.high, high))
