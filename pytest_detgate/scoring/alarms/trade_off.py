"""What other score thresholds and other ways of debouncing would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms, Debounce
from pytest_detgate.scoring.alarms.debounce import hours_that_count

DEBOUNCES = ((1, 1), (2, 3), (3, 5), (5, 8))
"""What is compared with the debounce of a project: none at all, and some common ones."""
STEPS = 20


def thresholds_of(floor: float, operating_point: float) -> list[float]:
    """The score thresholds at which alarms are counted: the twentieths of the scale from `floor`
    on, but not 0, and the operating point."""
    twentieths = (round(step / STEPS, 2) for step in range(1, STEPS))
    return sorted({operating_point, *(threshold for threshold in twentieths if threshold >= floor)})


@dataclass(frozen=True, slots=True, eq=False)
class AlarmCurve:
    """Counts at each of T thresholds with one way of debouncing, of each of K classes: (T, K)
    `false` alarms, and the events that have an alarm. `hours` are those of the clips that are long
    enough for an alarm then."""

    debounce: Debounce
    thresholds: Sequence[float]
    hours: float
    false: NDArray[np.int64]
    events_found: NDArray[np.int64]


def alarm_curves(
    clips: ClipAlarms, thresholds: Sequence[float], debounces: Sequence[Debounce]
) -> list[AlarmCurve]:
    """Count alarms at every threshold, a curve for each way of debouncing."""
    classes = len(clips.classes)
    shape = (len(debounces), len(thresholds), classes)
    false, events_found = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    events = clips.events.category
    for index, threshold in enumerate(thresholds):
        for way, alarms in enumerate(clips.alarms(threshold, debounces)):
            matches = clips.matches(alarms)
            false[way, index] = np.bincount(alarms.category[matches.false], minlength=classes)
            events_found[way, index] = np.bincount(events[matches.is_found], minlength=classes)
    return [
        AlarmCurve(
            debounce,
            thresholds,
            hours_that_count(clips.timeline, debounce.hits, debounce.of),
            *counts,
        )
        for debounce, *counts in zip(debounces, false, events_found, strict=True)
    ]
