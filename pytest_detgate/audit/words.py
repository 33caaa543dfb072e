"""How the page says numbers, times and margins."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from pytest_detgate.findings import Measurement

DECIMALS = 4
NARROW = "\u202f"  # a narrow space that does not break, between a number and its unit
_RELATION_WORDS = {"<=": "at most", ">=": "at least"}


def number(value: float | int, decimals: int = DECIMALS) -> str:
    """Say a number for reading: `61,234`, `0.8771`, `0`, `1.2e-05`."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "not a number"
    if value != 0 and (abs(value) < 10**-decimals or abs(value) >= 1e15):
        return f"{value:.3g}"
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def share(value: float | None, decimals: int = 3) -> str:
    """Say a score with a fixed number of decimals, so that a column lines up."""
    return "not defined" if value is None else f"{value:.{decimals}f}"


def pixels(value: float) -> str:
    """Say a coordinate for SVG: two decimals at most, and no negative zero."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def value_and_limit(value: float | int, limit: float | int) -> tuple[str, str]:
    """Say both with as many decimals as it takes to tell them apart.

    The gate compares unrounded: `0.85` under a floor of `0.85` would read as a mistake of ours.
    """
    for decimals in range(DECIMALS, 18):
        pair = number(value, decimals), number(limit, decimals)
        if value == limit or pair[0] != pair[1]:
            return pair
    return repr(value), repr(limit)


def limit_words(measurement: Measurement, limit: str) -> str:
    """Say a limit with its relation: `at most 21`."""
    return f"{_RELATION_WORDS[measurement.relation or '<=']} {limit}"


def margin(measurement: Measurement) -> str:
    """Say how far a value is from its limit, and on which side."""
    value, limit = measurement.value, measurement.limit
    if limit is None:
        return ""
    if value == limit:
        return "exactly at the limit"
    gap = abs(value - limit)
    said = number(gap) if isinstance(gap, int) else _three_digits(gap)
    if measurement.passed:
        return f"{said} to spare"
    return f"{said} {'over' if value > limit else 'short'}"


def _three_digits(gap: float) -> str:
    """Say a distance with three digits that count: `0.0000179`, `1,235`."""
    decimals = max(0, 2 - math.floor(math.log10(gap)))
    return f"{gap:.3g}" if decimals > 12 else number(round(gap, decimals), max(decimals, 1))


def duration(seconds: float) -> str:
    """Say a duration: `0.01 s`, `12.3 s`, `12 min 34 s`, `3 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.2f}{NARROW}s"
    if seconds < 60:
        return f"{seconds:.1f}{NARROW}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NARROW}min {rest}{NARROW}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{NARROW}h {minutes}{NARROW}min"


def moment(stamp: str) -> str:
    """Say a time stamp of the record for reading; one that cannot be read stays as it is."""
    try:
        when = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return stamp
    if when.tzinfo is not None:
        when = when.astimezone(timezone.utc)
    zone = " UTC" if when.tzinfo is not None else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def counted(count: int, noun: str) -> str:
    """Say a count with its noun: `1 rule`, `1,204 boxes`."""
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun}es" if noun.endswith(("x", "s")) else f"{noun}s"
    return f"{count:,} {plural}"


def visible(text: str) -> str:
    """Make text safe to show: control characters as their pictures, lone surrogates replaced.

    A NUL or an escape in a file name would be invalid in HTML and invisible to the reader, and
    a character that turns the writing direction would let `gnp.exe` read as `exe.png`.
    """
    return text.translate(_CONTROL_PICTURES).encode("utf-8", "replace").decode()


_CONTROL_PICTURES = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
