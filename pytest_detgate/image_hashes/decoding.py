"""One decoding of an image, small enough to be cheap and large enough for all that is measured.

JPEG decodes to 1/2, 1/4 or 1/8 of its size for a part of the cost, and without its conversion to
RGB: brightness is the first of its three bands. Everything else is decoded whole and then reduced.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.dataset.images.opening import open_image, pixels_of, size_of
from pytest_detgate.dataset.images.options import MAX_PIXELS, ImageOptions

_UPRIGHT = ImageOptions(exif="apply")
SIDE = 160
"""The shorter side that an image is decoded to at least, if it has so many pixels. Of 372 photos,
hashes of images of this size find as many copies as those of whole images; decoding to 256 pixels
tells blurred photos from sharp ones no better, and takes up to 1.6 times as long."""
_SMALL_SIDE = 96


class Decoded(NamedTuple):
    """An image as a viewer shows it, turned as its EXIF says.

    `grey` (height, width) is its brightness, uint8, or float32 where it is deeper than 8 bits; its
    shorter side has 160 to 319 pixels, or all that the image has. `small` is the image itself,
    reduced until its shorter side has 96 to 191 pixels: in mode YCbCr, or in mode L, or F where it
    is deeper, if it has no colour; `small_grey` is the brightness of that. `size` are width and
    height of the whole image.
    """

    grey: NDArray[Any]
    small: Image.Image
    small_grey: NDArray[Any]
    size: tuple[int, int]


def decode(content: bytes, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode an encoded image.

    Raises `TooManyPixelsError`, and Pillow's errors where the image is damaged or incomplete.
    """
    with open_image(content, max_pixels) as image:
        size = size_of(image, _UPRIGHT)
        image.draft("YCbCr", (SIDE, SIDE))
        reduced = _reduced(_plain(pixels_of(image, _UPRIGHT)), SIDE)
    if reduced.mode == "RGB":
        reduced = reduced.convert("YCbCr")
    small = _reduced(reduced, _SMALL_SIDE)
    grey = _brightness(reduced)
    return Decoded(grey, small, grey if small is reduced else _brightness(small), size)


def _brightness(image: Image.Image) -> NDArray[Any]:
    if image.mode == "F":
        return np.asarray(image)
    # The band itself, without a separate image of it.
    pixels = image.tobytes("raw", "Y" if image.mode == "YCbCr" else "L")
    return np.frombuffer(pixels, np.uint8).reshape(image.height, image.width)


def _plain(image: Image.Image) -> Image.Image:
    """The image in a mode that can be reduced: L, F, RGB or YCbCr."""
    if image.mode in ("L", "F", "RGB", "YCbCr"):
        return image
    # Depths beyond 8 bits (thermal cameras) would be cut off at 255 by a conversion to "L".
    if image.mode == "I" or image.mode.startswith("I;"):
        return image.convert("F")
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """The image with means of blocks for pixels, so that its shorter side has at least `side`."""
    times = min(image.size) // side
    return image.reduce(times) if times > 1 else image
