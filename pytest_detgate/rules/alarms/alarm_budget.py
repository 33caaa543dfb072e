"""The budget of false alarms that the rule `alarm-rate` compares with, which each probe may have of
its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count
from pytest_detgate.findings import Interval
from pytest_detgate.rules.false_boxes.probe_limits import Bound, BoundConfidence
from pytest_detgate.rules.options import Threshold
from pytest_detgate.scoring.bounds.event_rate import count_interval, watched_count_interval

MaxPerHour = Annotated[float, Meta(ge=0, description="Largest number of false alarms an hour.")]
MaxPerDay = Annotated[
    float, Meta(ge=0, description="Largest number of false alarms of one camera in 24 hours.")
]
MaxAlarms = Annotated[Count, Meta(description="Largest number of false alarms.")]
MinHours = Annotated[float, Meta(ge=0, description="Fewest hours of clips that prove anything.")]
Watched = Annotated[
    bool,
    Meta(
        description="true: the bounds hold at every moment while hours are added, however often "
        "one looks. It takes about 1.5 times the hours."
    ),
]
LIMITS = ("max_per_hour", "max_per_camera_day", "max_alarms")
HOURS_OF_DAY = 24


class AlarmBudget(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The budget of one probe; what it leaves out is taken from the rule's own table."""

    max_per_hour: MaxPerHour | None = None
    max_per_camera_day: MaxPerDay | None = None
    max_alarms: MaxAlarms | None = None
    score_threshold: Threshold | None = None
    bound: Bound | None = None
    confidence: BoundConfidence | None = None
    min_hours: MinHours | None = None
    watched: Watched | None = None


def rate_limits(budget: AlarmBudget) -> list[float]:
    """The limits of a budget on how often alarms come, an hour."""
    limits = [] if budget.max_per_hour is None else [budget.max_per_hour]
    if budget.max_per_camera_day is not None:
        limits.append(budget.max_per_camera_day / HOURS_OF_DAY)
    return [limit for limit in limits if limit or not budget.watched]


def alarm_intervals(
    by_clip: NDArray[np.int64],
    hours: NDArray[np.float64],
    confidence: float,
    budget: AlarmBudget,
) -> Callable[[float], Interval]:
    """What gives the interval of the false alarms, if there were so many times as many clips."""
    if not budget.watched:
        return lambda times: count_interval(by_clip, hours, confidence, times)
    prior = 1 / min(rate_limits(budget))
    return lambda times: watched_count_interval(by_clip, hours, confidence, prior, times)
