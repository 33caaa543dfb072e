"""A limit from a measured value, and the words for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_detgate.counts import counted
from pytest_detgate.findings import Measurement

KNOWN = "known today; lower it"
"""Why a limit is as high as it is, where a fault is accepted for now."""
MARGIN = 0.1
"""Share of a value that a floor is below it, where no clips say how far it moves by chance."""
_STEPS = 1000
"""Limits have three decimals."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor, and what it is made from: `0.458 today, less a tenth`."""

    value: float
    why: str


def floor_of(measured: Measurement, clips: int | None) -> Floor | None:
    """The floor for a value: its lower bound where there are `clips`, else a tenth below it.

    None where that is 0, which nothing is below.
    """
    value = float(measured.value)
    today = f"{value:.3f} today"
    if clips is not None and measured.interval is not None:
        low = _rounded_down(measured.interval.low)
        if low > 0:
            return Floor(low, f"{today}; lower bound over {counted(clips, 'clip')}")
    # A perfect AP comes out a rounding error below 1, which is no reason for a floor of 0.899.
    low = _rounded_down(value * (1 - MARGIN) + _ROUNDING)
    return Floor(low, f"{today}, less a tenth") if low > 0 else None


def _rounded_down(value: float) -> float:
    return math.floor(value * _STEPS) / _STEPS
