"""Numbers, times and margins as people read them, in messages, in the terminal and on the page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timezone

from pytest_detgate.counts import counted as counted
from pytest_detgate.counts import plural as plural
from pytest_detgate.counts import with_noun
from pytest_detgate.findings import INDEPENDENT_IMAGES, Interval, Measurement

DECIMALS = 4
# Differences of shares below so many hundredths are equal in a sentence.
_LEAST_POINTS = 0.1
NARROW = "\u202f"  # a narrow space that does not break, between a number and its unit
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
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


def with_minus(text: str) -> str:
    """Put a true minus sign before each negative number of a text for the page."""
    return _MINUS.sub("\u2212", text)


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


def held_and_limit(measurement: Measurement) -> tuple[str, str]:
    """Say the number that was compared with the limit, and the limit: `("9.15", "8")`.

    A bound takes three digits that count, or as many more as it takes to show the side of the
    limit that it is on.
    """
    assert measurement.limit is not None
    value, limit = measurement.judged_value, measurement.limit
    if measurement.bound == "point":
        return value_and_limit(value, limit)
    exact = (
        number(limit, decimals)
        for decimals in range(DECIMALS, 18)
        if round(limit, decimals) == limit
    )
    text = next(exact, repr(limit))
    for decimals in range(_decimals(value), 18):
        rounded = round(value, decimals)
        if (rounded < limit, rounded > limit) == (value < limit, value > limit):
            return number(float(rounded), max(decimals, 1)), text
    return repr(value), repr(limit)


def value_words(measurement: Measurement) -> str:
    """Say what was measured and, where a bound of it is compared with the limit, that the next
    number is the bound: `4, upper bound`."""
    value = number(measurement.value)
    return value if measurement.bound == "point" else f"{value}, {measurement.bound} bound"


def limit_words(measurement: Measurement, limit: str) -> str:
    """Say a limit with its relation: `at most 21`."""
    return f"{_RELATION_WORDS[measurement.relation or '<=']} {limit}"


def ends_words(interval: Interval) -> str:
    """Say an interval with the confidence of its ends: `[1.37, 9.15], 95%`."""
    return f"[{_bound(interval.low)}, {_bound(interval.high)}], {percent(interval.confidence)}"


def method_words(interval: Interval) -> str:
    """Say how an interval was computed and what its ends are."""
    return f"{interval.method}; each end is a one-sided bound at {percent(interval.confidence)}"


def percent(value: float) -> str:
    """Say a share as a percentage: `95%`."""
    return f"{number(round(value * 100, 10))}%"


def margin(measurement: Measurement) -> str:
    """Say how far the judged value is from its limit, and on which side."""
    value, limit = measurement.judged_value, measurement.limit
    if limit is None:
        return ""
    if value == limit == 0 and measurement.relation == "<=":
        return "none found"
    if value == limit:
        return "exactly at the limit"
    gap = abs(value - limit)
    text = number(gap) if isinstance(gap, int) else _three_digits(gap)
    if measurement.passed:
        return f"{text} to spare"
    return f"{text} {'over' if value > limit else 'short'}"


def difference(change: float | int) -> str:
    """Say how much a number grew, with its sign: `+54`, `−0.0179`, `±0`."""
    if not change:
        return "±0"
    size = abs(change)
    text = number(size) if isinstance(size, int) else _three_digits(size)
    return f"{'+' if change > 0 else '−'}{text}"


def hours_text(hours: float) -> str:
    """Say hours, rounded up to three digits that count: `4.75 h`."""
    if not hours:
        return "0 h"
    digits = 2 - math.floor(math.log10(hours))
    up = math.ceil(round(hours * 10**digits, 6)) / 10**digits
    return f"{number(up, max(digits, 1))} h"


def _bound(value: float) -> str:
    """Say an end of an interval with three digits that count, and no fewer than its whole ones."""
    decimals = _decimals(value)
    return number(round(float(value), decimals), max(decimals, 1))


def _decimals(value: float) -> int:
    """The decimals that give a number three digits that count."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def _three_digits(gap: float) -> str:
    """Say a distance with three digits that count: `0.0000179`, `1,235`."""
    decimals = _decimals(gap)
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


def bounds_text(interval: Interval | None, form: str = ".3f") -> str:
    """Say the bounds of a value, in a number format, as the end of a sentence: `; 95% bounds
    0.841 and 0.905`; nothing where there are none. Where images have no clips it says what the
    bounds assume."""
    if interval is None:
        return ""
    low, high = format(interval.low, form), format(interval.high, form)
    assumed = f", assuming {INDEPENDENT_IMAGES}" if INDEPENDENT_IMAGES in interval.method else ""
    return f"; {percent(interval.confidence)} bounds {low} and {high}{assumed}"


def value_and_floor(value: float, floor: float | None, where: str = "") -> str:
    """Say a score and its floor in a sentence, `0.735 on val, floor 0.6` with ` on val` for
    `where`, with as many digits as it takes to tell them apart."""
    if floor is None:
        return f"{value:.3f}{where}"
    enough = (
        digits
        for digits in range(3, 17)
        if value == floor or round(value, digits) != round(floor, digits)
    )
    return f"{value:.{next(enough, 17)}f}{where}, floor {floor:.15g}"


def rate_text(rate: float) -> str:
    """Say how often something happens, with three digits that count: `1,800`, `0.25`."""
    return _three_digits(float(rate)) if rate else "0"


def threshold_text(threshold: float) -> str:
    """Say a score threshold in a sentence: `0.30`, or with a third digit where two do not tell
    it."""
    short = f"{threshold:.2f}"
    return short if float(short) == threshold else f"{threshold:.3f}"


def points_text(share: float, of: str) -> str:
    """Say a difference of shares in a sentence: `11 points of recall`, `0.4 points of recall`,
    `no recall`."""
    size = abs(share) * 100
    if not size:
        return f"no {of}"
    if size < _LEAST_POINTS:
        return f"less than {_LEAST_POINTS} points of {of}"
    points = f"{size:.0f}" if size >= 10 else f"{size:.1f}".removesuffix(".0")
    return f"{with_noun(points, 'point')} of {of}"


def six_digits(value: float) -> float:
    """Round a number to the six digits that a drawing can show at most."""
    return float(f"{value:.6g}")


def plotted(values: Iterable[float | None]) -> list[float | None]:
    """Round the values of a curve to six digits; None where there is none, or no finite one."""
    return [
        None if value is None or not math.isfinite(value) else six_digits(value) for value in values
    ]


def visible(text: str) -> str:
    """Make text safe to show: control characters as visible signs, lone surrogates replaced.

    A NUL or an escape in a file name would be invalid in HTML and invisible to the reader, and
    a character that turns the writing direction would let `gnp.exe` read as `exe.png`.
    """
    if text.isascii() and text.isprintable():
        return text  # as nearly all of it is, at a tenth of the cost
    return text.translate(_CONTROL_PICTURES).encode("utf-8", "replace").decode()


def on_one_line(text: str, longest: int, end: str = "…") -> str:
    """Put text on one line that is safe to show, cut to so many characters."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= longest else line[: longest - len(end)] + end


_CONTROL_PICTURES = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
    # Marks of direction, and what no XML may hold.
    **dict.fromkeys([0x061C, 0x200E, 0x200F, 0xFFFE, 0xFFFF], 0xFFFD),
}
