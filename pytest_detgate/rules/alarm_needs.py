"""What is lacking to show the limits of the rules on alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Measurement
from pytest_detgate.record.formatting import hours_text, limit_words, number
from pytest_detgate.rules.needs import MOST_TIMES, Claim, hardest_claim, needs_text
from pytest_detgate.scoring.bounds.event_rate import count_interval, share_interval

_UNITS = {"per_hour": "an hour", "per_camera_day": "a camera and day"}


def needs_of_rate(
    measurements: Sequence[Measurement],
    by_clip: NDArray[np.int64],
    hours: NDArray[np.float64],
    confidence: float,
) -> str | None:
    """Say how many hours would show the limits on false alarms, from those of each clip and its
    hours, (G,). A limit on their number holds in proportion to the hours."""
    total = float(hours.sum())
    factors = {"alarms": 1.0, "per_hour": 1 / total, "per_camera_day": 24 / total}

    def claim(measured: Measurement) -> Claim:
        limit = limit_words(measured, number(measured.limit or 0))
        unit = _UNITS.get(measured.name, f"in {number(total, 3)} h")

        def bound_at(times: float) -> float:
            high = count_interval(by_clip, hours, confidence, times).high
            return high * factors[measured.name]

        return Claim(measured, f"{limit} {unit}", bound_at)

    judged = [one for one in measurements if one.limit is not None and one.name in factors]
    hardest = hardest_claim([claim(measured) for measured in judged])
    if hardest is None:
        return None
    times, worst = hardest
    looked = f"{hours_text(total)} were looked at"
    if math.isinf(times):
        most = hours_text(MOST_TIMES * total)
        return f"not even {most} like these would show {worst.text}; {looked}"
    if worst.is_flawless:
        # Of clean hours it is known exactly.
        times = worst.bound_at(1) / float(worst.measured.limit or 1)
        return f"no false alarm in {hours_text(times * total)} would show {worst.text}; {looked}"
    return f"{hours_text(times * total)} like these would show {worst.text}; {looked}"


def needs_of_events(
    measured: Measurement,
    found: NDArray[np.int64],
    total: NDArray[np.int64],
    confidence: float,
    name: str,
) -> str | None:
    """Say how many clips would show the floor of the share of events with an alarm, from those with
    an alarm and all of each clip, (G,)."""
    if measured.limit is None:
        return None
    claim = Claim(
        measured,
        f"a recall of at least {number(measured.limit)}",
        lambda times: share_interval(found, total, confidence, times).low,
    )
    clips = int(np.count_nonzero(total))
    return needs_text([claim], clips, "clip", "every event found on", f" with {name}")
