"""The small scale that shows how near a value is to its limit."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_detgate.findings import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Positions on a scale, in percent of its width: spans `(start, width)`, and the limit."""

    value: tuple[float, float]
    forbidden: tuple[float, float]
    limit: float
    interval: tuple[float, float] | None = None


def scale_of(measurement: Measurement) -> Scale | None:
    """Lay out one judged measurement; None where there is nothing to compare, and where nothing
    is allowed and nothing was found.

    The scale starts at zero, or below it where a number is negative, so that lengths compare.
    A floor between 0 and 1 (AP, recall, a share) is drawn on the whole range from 0 to 1. An
    interval of which no end is compared with the limit is cut where the scale ends.
    """
    value, limit, held = measurement.value, measurement.limit, measurement.held
    if limit is None:
        return None
    if value == limit == held == 0 and measurement.relation == "<=":
        return None
    low, high = min(0.0, value, limit, held), max(0.0, value, limit, held)
    if measurement.relation == ">=" and low == 0 and high <= 1:
        high = 1.0
    else:
        room = (high - low) * 0.15 or 1.0
        high += room if high > 0 or low == 0 else 0.0
        low -= room if low < 0 else 0.0

    def place(number: float) -> float:
        return round((number - low) / (high - low) * 100, 2)

    def line() -> tuple[float, float] | None:
        if measurement.interval is None:
            return None
        ends = measurement.interval.low, measurement.interval.high
        start, end = (min(max(place(number), 0.0), 100.0) for number in ends)
        return start, round(end - start, 2)

    zero, end, mark = place(0), place(value), place(limit)
    forbidden = (mark, round(100 - mark, 2)) if measurement.relation == "<=" else (0.0, mark)
    return Scale(
        value=(min(zero, end), round(abs(end - zero), 2)),
        forbidden=forbidden,
        limit=mark,
        interval=line(),
    )
