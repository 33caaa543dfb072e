"""How far a bootstrapped bound may go: never beyond the exact bound of what was seen.

A bootstrap takes its spread from the data. Where all clips did equally well there is none: of
5 boxes found out of 5 every draw says 1, and so would its lower bound, although a detector that
misses 45% of all boxes shows as much once in twenty times (0.55^5 = 0.05).

The figures here are shares of the ground truth that was found, or cannot exceed such a share: AP
is at most the recall that is reached (but for the recall point 0, which a bound leaves out). The
lower bound of such a figure is at most

- its value;
- α^(1/G), the exact bound where everything was found on G clips: clips are independent of each
  other, the boxes of a clip are not;
- the lower bound of Clopper and Pearson at the effective number of boxes (Korn and Graubard,
  Survey Methodology 1998; 24:193-201): p (1 − p) / var(p), with the variance between clips, and
  at most what the weights of the boxes leave of their number (Kish, Survey Sampling 1965).

The upper bound mirrors all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands behind a figure: the `share` of the ground truth that was found, over
    `boxes` boxes in effect, on so many `units` (clips, or images where there are no clips)."""

    share: float
    boxes: float
    units: int

    def limit(self, interval: Interval, value: float) -> Interval:
        """The interval of a figure of this value, no better than what was seen allows."""
        confidence, room = interval.confidence, unseen(self.units, interval.confidence)
        least = binomial_interval(self.share * self.boxes, self.boxes, confidence).low
        most = binomial_interval(value * self.boxes, self.boxes, confidence).high
        return widened(interval, min(value, least, 1 - room), max(value, most, room))


def seen(found: NDArray[np.float64], category: NDArray[np.int64], unit: NDArray[np.int64]) -> Seen:
    """What was seen of G ≥ 1 boxes: how far each was found, (G,) from 0 to 1, its class and its
    unit. Every class counts the same, as in the mean of COCO."""
    _, number, counts = np.unique(category, return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    weight = 1 / (len(counts) * counts[number])
    share = float(np.clip(weight @ found, 0, 1))
    of_class = np.bincount(number, found) / counts
    _, place = np.unique(unit, return_inverse=True)
    by_unit = np.bincount(place.reshape(-1), weight * (found - of_class[number]))
    variance = float(by_unit @ by_unit)
    boxes = 1 / float(weight @ weight)
    if variance > 0:
        boxes = min(boxes, share * (1 - share) / variance)
    return Seen(share=share, boxes=boxes, units=len(by_unit))


def unseen(units: int, confidence: float) -> float:
    """1 − α^(1/G): the largest share of all clips that may be unlike each of G that were seen."""
    return float(1 - (1 - confidence) ** (1 / units))


def limit_of_change(interval: Interval, change: float, before: float, units: int) -> Interval:
    """The interval of a change to a figure from what it was `before`, 0 to 1, which leaves room
    for a share `unseen` of the clips: on those the figure may fall to 0, or rise to 1."""
    room = unseen(units, interval.confidence)
    return widened(interval, change - room * before, change + room * (1 - before))


def widened(interval: Interval, low: float, high: float) -> Interval:
    """The interval, which is to reach at least from `low` to `high`."""
    return replace(
        interval,
        low=min(interval.low, low),
        high=max(interval.high, high),
        method=f"{interval.method}, no narrower than exact",
    )
