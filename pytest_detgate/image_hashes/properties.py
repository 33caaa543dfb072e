"""Properties of an image without knowing what it shows: how bright, how sharp, how large."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_hashes.decoding import Decoded

_LEVELS = np.arange(256, dtype=np.float64)
_POWERS = np.stack([np.ones(256), _LEVELS, _LEVELS**2])
_QUANTILES = np.array([0.01, 0.05, 0.99])
_GREY = 128
# Second differences that are looked at, so many at most: they are much alike.
_PIXELS = 1 << 13
_DEEP = 65535.0


class Properties(NamedTuple):
    """Shares of the whole range from black (0) to white (1), except where it says otherwise.

    `brightness` is the mean; `darkest`, `dark`, `bright` are the levels that 1%, 5% and 99% of the
    pixels do not exceed. Levels over 8 bits are shares of 65535; floats of 1, 255 or 65535,
    whichever they fit into. `contrast` is the standard deviation. `sharpness` is the standard
    deviation of the Laplacian (4-neighbour second difference) divided by the contrast, 0 for an
    image of one colour: so it depends neither on the exposure nor, for photos, on the size. `blue`
    and `red` are the means of Cb and Cr, 0 where there is no colour; `colour` is the root of the
    mean square of both. `width` and `height` are pixels.
    """

    brightness: float
    darkest: float
    dark: float
    bright: float
    contrast: float
    sharpness: float
    blue: float
    red: float
    colour: float
    width: float
    height: float


def properties_of(image: Decoded) -> Properties:
    """Measure a decoded image. All but its size are NaN where its pixels are no finite numbers."""
    grey, small, size = image
    if grey.mode == "F":
        high = float(np.asarray(grey).max())
        if not np.isfinite(np.asarray(grey)).all():
            return Properties._make([*[math.nan] * 9, *map(float, size)])
        most = 1.0 if high <= 1 else 255.0 if high <= 255 else _DEEP
        grey, small = (_eight_bits(part, most) for part in (grey, small))
    counts = np.array(small.histogram(), dtype=np.float64).reshape(-1, 256)
    sums = counts @ _POWERS.T
    (n, total, squares), *chroma = sums.tolist()
    mean = total / n
    contrast = math.sqrt(max(squares / n - mean * mean, 0.0))
    levels = np.searchsorted(np.cumsum(counts[0]), _QUANTILES * n) / 255
    darkest, dark, bright = levels.tolist()
    blue, red = (part[1] / n - _GREY for part in chroma) if chroma else (0.0, 0.0)
    # Of a band: the mean of (level - 128)².
    colour = sum(part[2] / n - 2 * _GREY * part[1] / n + _GREY**2 for part in chroma)
    edges = _edges(np.asarray(grey))
    return Properties(
        brightness=mean / 255,
        darkest=darkest,
        dark=dark,
        bright=bright,
        contrast=contrast / 255,
        sharpness=edges / contrast if contrast else 0.0,
        blue=blue / 255,
        red=red / 255,
        colour=math.sqrt(max(colour, 0.0)) / 255,
        width=float(size[0]),
        height=float(size[1]),
    )


def _edges(grey: NDArray[np.uint8]) -> float:
    """The standard deviation of the Laplacian, on rows at equal distances."""
    if min(grey.shape) < 3:
        return 0.0
    step = max(1, grey.size // _PIXELS)
    middle = grey[1:-1:step].astype(np.int16)
    edges = grey[:-2:step, 1:-1].astype(np.int16)
    edges += grey[2::step, 1:-1]
    edges += middle[:, :-2]
    edges += middle[:, 2:]
    middle <<= 2
    edges -= middle[:, 1:-1]
    values = edges.ravel().astype(np.float32)
    mean = float(values.sum()) / len(values)
    return math.sqrt(max(float(values @ values) / len(values) - mean * mean, 0.0))


def _eight_bits(deep: Image.Image, most: float) -> Image.Image:
    """An image of mode F in mode L; `most` becomes 255."""
    return deep.point(lambda level: level * (255 / most) + 0.5).convert("L")
