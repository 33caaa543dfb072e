"""Axes: where they begin and end, where their ticks are, and what these say."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_detgate.record.formatting import number

# Beyond these, sums and quotients of values may overflow.
LARGEST, SMALLEST = 1e150, 1e-150
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def finite(value: float | None) -> float | None:
    """Give a value that can be drawn; None for those that cannot."""
    if value is None or not abs(value) <= LARGEST:
        return None
    return float(value) if abs(value) >= SMALLEST else 0.0


def bounds(
    values: Iterable[float | None],
    span: tuple[float, float] | None = None,
    *,
    room: float = 0.0,
    zero: bool = False,
) -> tuple[float, float]:
    """Find the ends of an axis: those of `span`, and further where values are beyond it.

    Without a span, a share `room` of the range is added, except at zero. `zero` begins an axis of
    positive values at zero; so does a range that nearly does.
    """
    known = [value for value in map(finite, values) if value is not None]
    ends = [end for end in map(finite, span or ()) if end is not None]
    if not known and not ends:
        return 0.0, 1.0
    low, high = min(known + ends), max(known + ends)
    if not ends:
        if low >= 0 and (zero or low <= 0.4 * high):
            low = 0.0
        if zero and high < 0:
            high = 0.0
        wider = (high - low) * room
        low, high = (low if low == 0 else low - wider), (high if high == 0 else high + wider)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        if low == 0:
            return (0.0, 1.0)
        return low - abs(low) * 0.1, high + abs(high) * 0.1
    return low, high


def ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Give about `count` round numbers of an axis; whole ones where it counts things."""
    raw = (high - low) / max(count, 1)
    if not raw > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in _STEPS if size * power >= raw * (1 - 1e-9))
    if whole and step < 1:
        step = 1.0
    elif whole and step == 2.5:
        step = 5.0
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [number * step for number in range(first, min(last, first + 50) + 1)]


def decades(low: float, high: float, count: int) -> list[float]:
    """Give powers of ten, `count` at most, of an axis of logarithms."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / max(count, 1)))
    return [10.0**power for power in range(first, last + 1, every)]


def tick_words(values: list[float]) -> list[str]:
    """Say the ticks of an axis, all with as many decimals as their step needs."""
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e15 or 0 < largest < 1e-4:
        return [f"{value + 0.0:.3g}" for value in values]
    for size, unit in ((1e12, "tn"), (1e9, "bn"), (1e6, "m")):
        if largest >= 2 * size:
            text = tick_words([value / size for value in values])
            return [f"{word}\u202f{unit}" if word != "0" else word for word in text]
    for decimals in range(10):
        rounded = [round(value, decimals) for value in values]
        off = max(
            (abs(short - value) for short, value in zip(rounded, values, strict=True)), default=0
        )
        if off <= 1e-6 * largest:
            return [
                "0" if value == 0 else f"{value:,.{decimals}f}".replace("-", "\u2212")
                for value in rounded
            ]
    return [f"{value:.3g}" for value in values]


def log_words(values: list[float]) -> list[str]:
    """Say powers of ten."""
    return [number(int(value)) if value >= 1 else f"{value:.10f}".rstrip("0") for value in values]


def share_words(shares: list[float]) -> list[str]:
    """Say shares as percentages."""
    return [f"{word}%" for word in tick_words([share * 100 for share in shares])]


def decade_below(value: float) -> float:
    """Give a power of ten well below a positive value: it is half of it at most."""
    return 10.0 ** math.floor(math.log10(value / 2))
