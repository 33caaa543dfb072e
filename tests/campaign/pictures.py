"""Images that look unlike each other, made from a number."""

from __future__ import annotations

import functools
import io
import random

from PIL import Image

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".gif": "GIF"}
FORMATS = {**_FORMATS, ".bmp": "BMP", ".webp": "WEBP"}
"""What a file is, by its suffix in lower case; anything else is a PNG."""


@functools.lru_cache(maxsize=4096)
def picture_bytes(
    look: int, width: int, height: int, suffix: str = ".png", orientation: int = 0
) -> bytes:
    """The file of an image of coarse noise; images of different `look` have nothing in common.

    `orientation` is the number of an EXIF tag, 0 for none.
    """
    noise = random.Random(look)
    coarse = Image.new("L", (9, 8))
    coarse.putdata([noise.randrange(256) for _ in range(72)])
    image = coarse.resize((width, height), Image.Resampling.BILINEAR).convert("RGB")
    out = io.BytesIO()
    options = {}
    if orientation:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    image.save(out, FORMATS.get(suffix, "PNG"), **options)
    return out.getvalue()
