"""The upright boxes around shapes that are no upright boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.counts import counted
from pytest_detgate.errors import DataError

Frame = tuple[float, float, float, float]
"""x and y of the left upper corner, width and height, in pixels."""


def frame_of_points(values: Sequence[float], what: str, path: Path) -> Frame:
    """The frame of points, given as x, y, x, y, ...; `DataError` where there are none."""
    xs, ys = values[0::2], values[1::2]
    if not ys or len(xs) != len(ys):
        raise DataError(
            f"{path}: {what}: expected pairs of x and y, found {counted(len(values), 'number')}"
        )
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def turn_of(value: Any, what: str, path: Path) -> float:
    """The degrees that a box is turned by, from a JSON value: a finite number, also as text, and 0
    for none. Anything else raises `DataError`: the box would seem upright."""
    try:
        degrees = 0.0 if value is None else msgspec.convert(value, float, strict=False)
    except (msgspec.ValidationError, OverflowError):
        degrees = math.nan
    if not math.isfinite(degrees):
        raise DataError(f"{path}: {what}: expected a number in `rotation`, found {value!r}")
    return degrees


def frame_of_turned_box(cx: float, cy: float, width: float, height: float, degrees: float) -> Frame:
    """The frame of a box that is turned around its centre."""
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    own_width, own_height = width * cos + height * sin, width * sin + height * cos
    return cx - own_width / 2, cy - own_height / 2, own_width, own_height
