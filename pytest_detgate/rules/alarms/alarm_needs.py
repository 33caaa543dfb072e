"""What is lacking to show the limits of the rules on alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.formatting import hours_text, limit_words, number
from pytest_detgate.rules.needs import MOST_TIMES, Claim, hardest_claim, needs_text
from pytest_detgate.scoring.bounds.event_rate import share_interval

_UNITS = {"per_hour": "an hour", "per_camera_day": "a camera and day"}


def needs_of_rate(
    measurements: Sequence[Measurement], hours: float, interval_at: Callable[[float], Interval]
) -> str | None:
    """Say how many hours would show the limits on false alarms, from the hours that were looked at
    and the interval of the alarms in them if there were so many times as many clips. A limit on
    their number holds in proportion to the hours."""
    factors = {"alarms": 1.0, "per_hour": 1 / hours, "per_camera_day": 24 / hours}

    def claim(measured: Measurement) -> Claim:
        limit = limit_words(measured, number(measured.limit or 0))
        unit = _UNITS.get(measured.name, f"in {number(hours, 3)} h")
        factor = factors[measured.name]
        return Claim.by_bound(
            measured, f"{limit} {unit}", lambda times: interval_at(times).high * factor
        )

    judged = [
        measurement
        for measurement in measurements
        if measurement.limit is not None and measurement.name in factors
    ]
    hardest = hardest_claim([claim(measured) for measured in judged])
    if hardest is None:
        return None
    times, worst = hardest
    looked = f"{hours_text(hours)} were looked at"
    if math.isinf(times):
        most = hours_text(MOST_TIMES * hours)
        return f"not even {most} like these would show {worst.text}; {looked}"
    if worst.is_flawless:
        exact = hours_text(_exactly(worst, times) * hours)
        return f"no false alarm in {exact} would show {worst.text}; {looked}"
    return f"{hours_text(times * hours)} like these would show {worst.text}; {looked}"


def _exactly(claim: Claim, times: float) -> float:
    """How many times the evidence it takes, which is known to some percent."""
    low = 1.0
    while times - low > 1e-9 * times:
        middle = (low + times) / 2
        low, times = (low, middle) if claim.is_shown(middle) else (middle, times)
    return times


def needs_of_events(
    measured: Measurement,
    events_found: NDArray[np.int64],
    total: NDArray[np.int64],
    confidence: float,
    name: str,
) -> str | None:
    """Say how many clips would show the floor of the share of events with an alarm, from those with
    an alarm and all of each clip, (G,)."""
    assert measured.limit is not None
    claim = Claim.by_bound(
        measured,
        f"a recall of at least {number(measured.limit)}",
        lambda times: share_interval(events_found, total, confidence, times).low,
    )
    clips = int(np.count_nonzero(total))
    return needs_text([claim], clips, "clip", "every event found on", f" with {name}")
