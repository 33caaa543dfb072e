"""Phrases that the messages of rules share."""

from __future__ import annotations

from pytest_detgate.findings import Interval
from pytest_detgate.record.formatting import plural


def counted(count: int, noun: str) -> str:
    """A count with its noun, digits as they stand in the record: `1 box`, `1204 boxes`."""
    return f"{count} {noun if count == 1 else plural(noun)}"


def bounds(interval: Interval | None, form: str = ".3f") -> str:
    """The bounds of a value, in a number format, as the end of a sentence: `; 95 % bounds 0.841
    and 0.905`; nothing where there are none."""
    if interval is None:
        return ""
    low, high = format(interval.low, form), format(interval.high, form)
    return f"; {100 * interval.confidence:g} % bounds {low} and {high}"


def figure_and_floor(value: float, floor: float | None, where: str = "") -> str:
    """A score and its floor in a sentence, `0.735 on val, floor 0.6` with ` on val` for `where`,
    with as many digits as it takes to tell them apart."""
    if floor is None:
        return f"{value:.3f}{where}"
    exact = (at for at in range(3, 17) if value == floor or round(value, at) != round(floor, at))
    return f"{value:.{next(exact, 17)}f}{where}, floor {floor:.15g}"
