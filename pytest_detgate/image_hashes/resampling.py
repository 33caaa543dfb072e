"""Resampling of the brightness of an image to a few cells, as Pillow does it with LANCZOS.

Pillow multiplies every pixel in turn, which for a hash took a fifth of the time of decoding. Its
weights are whole multiples of 2^-22, so that a matrix product in float64 has no rounding, and cells
are equal.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITS = 22  # of a weight, behind the point
_LOBES = 3
# Sides of images whose weights are worth it. Of images that are nearly twice as high as they are
# wide Pillow 13 resamples the columns first, earlier versions the rows.
_SHORTEST, _LONGEST = 96, 1024
_HIGHEST = 1.9
# BLAS starts threads for more multiplications than these, which takes longer than the product.
_AT_ONCE = 1 << 18


def cells_of(grey: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """(height, width) cells of an image of uint8 or float32, of the same kind."""
    rows, columns = grey.shape
    if (
        grey.dtype != np.uint8
        or not _SHORTEST <= min(rows, columns) <= max(rows, columns) <= _LONGEST
        or rows > _HIGHEST * columns
    ):
        image = Image.fromarray(grey)
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    across, levels = _weights(columns, width), grey.astype(np.float64)
    step = _AT_ONCE // (columns * width)
    if rows <= step:
        narrow = levels @ across
    else:
        narrow = np.empty((rows, width))
        for start in range(0, rows, step):
            np.matmul(levels[start : start + step], across, out=narrow[start : start + step])
    return _rounded(_weights(rows, height).T @ _rounded(narrow)).astype(np.uint8)


def _rounded(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The levels as integers from 0 to 255."""
    levels += 0.5
    np.floor(levels, out=levels)
    np.maximum(levels, 0, out=levels)
    return np.minimum(levels, 255, out=levels)


@functools.lru_cache(maxsize=256)
def _weights(n: int, cells: int) -> NDArray[np.float64]:
    """(n, cells) what each of n pixels weighs in each cell, in whole 2^-22."""
    scale = n / cells
    center = (np.arange(cells) + 0.5) * scale
    # Whole pixels, of those that there are.
    first = np.maximum(center - _LOBES * scale + 0.5, 0).astype(np.int64)
    end = np.minimum(center + _LOBES * scale + 0.5, n).astype(np.int64)
    pixel = np.arange(n)[:, None]
    distance = (pixel - center + 0.5) * (1 / scale)
    weights = np.sinc(distance) * np.sinc(distance / _LOBES)
    weights[(pixel < first) | (pixel >= end) | (abs(distance) >= _LOBES)] = 0
    weights /= weights.sum(axis=0)
    rounded: NDArray[np.float64] = np.trunc(weights * 2**_BITS + np.copysign(0.5, weights))
    rounded *= 2.0**-_BITS
    rounded.flags.writeable = False
    return rounded
