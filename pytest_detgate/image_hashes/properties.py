"""Properties of an image without knowing what it shows: how bright, how sharp, how large."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.image_hashes.decoding import Decoded

_LEVELS = np.arange(256, dtype=np.float64)
_POWERS = np.stack([np.ones(256), _LEVELS, _LEVELS**2])
_BINS = {n: struct.Struct(f"{n}q") for n in (256, 768)}
_ONE_BIN = struct.Struct("129q1016x")
_QUANTILES = (0.01, 0.05, 0.99)
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


class Measured(NamedTuple):
    """What of an image its properties are made of.

    `levels` are 3 × 256 numbers of pixels as int64: of brightness, Cb and Cr; empty where pixels
    are no finite numbers. `edges` is the standard deviation of the Laplacian.
    """

    levels: bytes
    edges: float
    size: tuple[int, int]


def measured(image: Decoded) -> Measured:
    """Count the levels of a decoded image, and measure its edges."""
    grey, small, _, size = image
    if grey.dtype != np.uint8:
        high = float(grey.max())
        if not np.isfinite(grey).all():
            return Measured(b"", 0.0, size)
        most = 1.0 if high <= 1 else 255.0 if high <= 255 else _DEEP
        grey = np.asarray(_eight_bits(Image.fromarray(grey), most))
        small = _eight_bits(small, most)
    histogram = small.histogram()
    # Of a list NumPy looks at the kind of each number, which takes twice as long.
    levels = _BINS[len(histogram)].pack(*histogram)
    if len(histogram) == _LEVELS.size:
        levels += 2 * _ONE_BIN.pack(*[0] * _GREY, small.width * small.height)
    return Measured(levels, _edges(grey), size)


def properties_of(images: Sequence[Measured]) -> NDArray[np.float64]:
    """(n, k) the columns of `Properties`; all but width and height are NaN for an image whose
    pixels are no finite numbers."""
    values = np.full((len(images), len(Properties._fields)), np.nan)
    values[:, -2:] = [image.size for image in images] or np.empty((0, 2))
    finite = [row for row, image in enumerate(images) if image.levels]
    counts = np.frombuffer(b"".join(image.levels for image in images), np.int64)
    values[finite, :-2] = _shares(
        counts.reshape(-1, 3, 256).astype(np.float64),
        np.array([images[row].edges for row in finite], dtype=np.float64),
    )
    return values


def _shares(counts: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 9) the properties before width and height, of (n, 3, 256) counts of levels."""
    n, total, squares = (counts @ _POWERS.T).transpose(2, 1, 0)
    mean = total / n
    contrast = np.sqrt(np.maximum(squares[0] / n[0] - mean[0] * mean[0], 0))
    up_to = np.cumsum(counts[:, 0], axis=1)
    levels = [(up_to < (share * n[0])[:, None]).sum(axis=1) / 255 for share in _QUANTILES]
    # Of a band: the mean of (level - 128)².
    spread = squares / n - 2 * _GREY * total / n + _GREY**2
    return np.stack(
        [
            mean[0] / 255,
            *levels,
            contrast / 255,
            np.divide(edges, contrast, out=np.zeros_like(edges), where=contrast > 0),
            (mean[1] - _GREY) / 255,
            (mean[2] - _GREY) / 255,
            np.sqrt(np.maximum(spread[1] + spread[2], 0)) / 255,
        ],
        axis=1,
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
