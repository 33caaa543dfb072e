"""Which events have an alarm, and which alarms belong to no event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import TOLERANCE_S
from pytest_detgate.scoring.alarms.debounce import Spans

_ROUNDING = 1e-9
"""More than a product of a share and a count can be off."""


@dataclass(frozen=True, slots=True, eq=False)
class AlarmMatches:
    """`false` (A,) are the alarms that belong to no event. `delay_s` (E,) is the time from the
    start of an event to its first alarm, NaN where it has none; an alarm a little before the event
    has a negative one. `alarm` (E,) is the number of that alarm, -1 where there is none."""

    false: NDArray[np.bool_]
    delay_s: NDArray[np.float64]
    alarm: NDArray[np.int64]

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """(E,) the events that have an alarm."""
        return self.alarm >= 0


def match_alarms(alarms: Spans, events: Spans, before_s: float, after_s: float) -> AlarmMatches:
    """Give each event the alarms of its clip and class that begin from `before_s` before its start
    until `after_s` after its end, ends included.

    Both are sorted by clip, class and start; an alarm may belong to several events.
    """
    classes = np.concatenate([alarms.category, events.category]).max(initial=0) + 1
    of_alarm = alarms.clip * classes + alarms.category
    of_event = events.clip * classes + events.category
    opens = events.start_s - before_s - TOLERANCE_S
    closes = events.end_s + after_s + TOLERANCE_S
    # All times by rank, and the group above that: one integer that sorts by both.
    times = np.unique(np.concatenate([alarms.start_s, opens, closes]))
    span = len(times)

    def position(group: NDArray[np.int64], time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        return group * span + np.searchsorted(times, time_s)

    listed = position(of_alarm, alarms.start_s)
    first = np.searchsorted(listed, position(of_event, opens))
    end = np.searchsorted(listed, position(of_event, closes), side="right")
    has_one = first < end
    ends = len(alarms) + 1
    covered = np.cumsum(
        np.bincount(first[has_one], minlength=ends) - np.bincount(end[has_one], minlength=ends)
    )
    alarm = np.where(has_one, first, -1)
    delay_s = np.full(len(events), np.nan)
    delay_s[has_one] = alarms.start_s[first[has_one]] - events.start_s[has_one]
    return AlarmMatches(false=covered[:-1] == 0, delay_s=delay_s, alarm=alarm)


def delay_within(delay_s: NDArray[np.float64], share: float) -> float | None:
    """Return the shortest delay within which at least a share of the events have their alarm;
    None where no delay is long enough, as too many have none (NaN)."""
    needed = int(np.ceil(share * len(delay_s) - _ROUNDING))
    delay = float(np.sort(delay_s)[needed - 1])  # NaN is sorted to the end
    return None if np.isnan(delay) else delay
