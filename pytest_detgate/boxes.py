"""Box geometry on arrays. Boxes are `[x, y, width, height]` in pixels, y downwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

MAX_AREA = 1e10
"""The largest area in square pixels that COCO takes for that of a box."""


def area(xywh: Boxes) -> NDArray[np.float64]:
    """(n,) width × height."""
    product: NDArray[np.float64] = xywh[:, 2] * xywh[:, 3]
    return product


def usable_area(area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether an area that a file gives can be that of a box; NaN is none."""
    return np.asarray((area >= 0) & (area <= MAX_AREA))


def finite(xywh: Boxes) -> NDArray[np.bool_]:
    """(n,) whether all numbers of a box are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        # One sum is finite only where all its numbers are: far cheaper than a question for each.
        if np.isfinite(xywh.sum()):
            return np.ones(len(xywh), dtype=np.bool_)
        rows = np.asarray(np.isfinite(xywh.sum(axis=1)))
    doubtful = np.flatnonzero(~rows)
    rows[doubtful] = np.isfinite(xywh[doubtful]).all(axis=1)
    return rows


def drawable(xywh: Boxes) -> NDArray[np.bool_]:
    """(n,) whether a box is finite and has no negative side."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(xywh.sum(axis=1))
        return np.asarray(finite & (xywh[:, 2:] >= 0).all(axis=1))


def intersection(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(n, m) area that each of n boxes shares with each of m boxes."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(
        first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:]
    )
    shared: NDArray[np.float64] = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    return shared


def paired_intersection(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(n,) area that each of n boxes shares with the one beside it."""
    shared = np.ones(len(first))
    for side in (0, 1):
        low = np.maximum(first[:, side], second[:, side])
        high = np.minimum(
            first[:, side] + first[:, side + 2], second[:, side] + second[:, side + 2]
        )
        shared *= np.clip(high - low, 0, None)
    return shared


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(n, m) intersection over union; 0 where both boxes are empty."""
    shared = intersection(first, second)
    return share_of(shared, area(first)[:, None] + area(second)[None, :] - shared)


def share_of(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...) each area over that which it is a part of; 0 where that is empty."""
    share: NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share
