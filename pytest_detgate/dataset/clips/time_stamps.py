"""Time stamps of frames as files write them, in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.text.numbers import number_of

TimeUnit = Literal["s", "ms", "us", "ns"]
_SECONDS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_WHOLE_SECOND: dict[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def seconds_of(value: object, unit: TimeUnit = "s") -> float | None:
    """Return a time stamp in seconds: a number in the `unit`, or a date and time of ISO 8601, which
    is in UTC where it names no zone; None where it is neither."""
    if isinstance(value, str):
        try:
            value = int(value) if "_" not in value else None
        except ValueError:
            return _from_text(str(value), unit)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        if abs(value) > 1 << 62:
            return None
        # A time of the epoch in nanoseconds has more digits than a float can hold.
        whole, rest = divmod(value, _WHOLE_SECOND[unit])
        return whole + rest * _SECONDS[unit]
    if isinstance(value, float) and math.isfinite(value):
        return value * _SECONDS[unit]
    return None


def seconds_of_all(values: Sequence[Any], unit: TimeUnit) -> NDArray[np.float64]:
    """Return (n,) time stamps in seconds, NaN where one cannot be read."""
    seconds = (seconds_of(value, unit) for value in values)
    return np.array(
        [math.nan if second is None else second for second in seconds], dtype=np.float64
    )


def _from_text(text: str, unit: TimeUnit) -> float | None:
    try:
        number = number_of(text)
    except ValueError:
        return _from_date(text.strip())
    return number * _SECONDS[unit] if math.isfinite(number) else None


def _from_date(text: str) -> float | None:
    if text.endswith(("Z", "z")):
        text = f"{text[:-1]}+00:00"
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        return when.timestamp()
    except (ValueError, OverflowError):
        return None
