"""The difference hash of an image: 64 bits that survive compression, scaling and small edits.

dHash, because on real photos it finds as many copies as pHash does and needs no cosine transform:
of 276 photos, 97% of copies made 20% brighter, 98% of copies cropped by 1% on each side and all
copies that were scaled or compressed again are within 4 bits, and no two photos are. It misses
larger crops, and mosaics made for training.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.dataset.images.opening import open_image, pixels_of
from pytest_detgate.dataset.images.options import MAX_PIXELS, ImageOptions

HASH_KIND: Final = "dhash64-2"
"""Name and version of the hash in the cache: a change of `difference_hash` raises it."""
HASH_BITS: Final = 64

_UPRIGHT = ImageOptions(exif="apply")
_GRID = (9, 8)
# JPEG decodes to 1/2, 1/4 or 1/8 of its size for a fraction of the cost. Down to 16 times the
# grid, 0.14 bits change per photo; at 8 times, 0.31.
_ENOUGH = (144, 144)


def difference_hash(content: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Hash an encoded image as a viewer shows it, turned as its EXIF says.

    Raises `TooManyPixelsError`, and Pillow's errors where the image is damaged or incomplete.
    """
    with open_image(content, max_pixels) as image:
        image.draft("L", _ENOUGH)
        upright = pixels_of(image, _UPRIGHT)
        # Depths beyond 8 bits (thermal cameras) would be cut off at 255 by a conversion to "L".
        deep = upright.mode in ("I", "F") or upright.mode.startswith("I;")
        grey = upright.convert("F" if deep else "L")
    cells = np.asarray(grey.resize(_GRID, Image.Resampling.LANCZOS))
    brighter: NDArray[np.bool_] = cells[:, 1:] > cells[:, :-1]
    return int.from_bytes(np.packbits(brighter).tobytes(), "big")
