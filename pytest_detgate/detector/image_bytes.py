"""The bytes of an image file, for the decoder of a model."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from pytest_detgate.dataset.images.opening import open_image, orientation, pixels_of
from pytest_detgate.dataset.images.options import MAX_PIXELS, ImageOptions
from pytest_detgate.regular_file import read_regular

# Modes that a PNG can store.
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


def read_image(path: str, options: ImageOptions) -> tuple[bytes, bytes]:
    """Read an image file; return its bytes, and those for the decoder of a model.

    They differ only if an EXIF orientation turns the image: some decoders turn it and some do not,
    so they get the turned image, encoded again without loss and without orientation. Raises
    `OSError` if the file cannot be read, `ValueError` if it is cut off or has too many pixels, and
    the errors of Pillow if it is damaged.
    """
    content = read_regular(path)
    if (flaw := cut_short(content, options.max_pixels)) is not None:
        raise ValueError(flaw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return content, _upright(content, options)


def _upright(content: bytes, options: ImageOptions) -> bytes:
    try:
        image = open_image(content, options.max_pixels)
    except UnidentifiedImageError:
        return content  # the decoder of the model may support more formats
    with image:
        if orientation(image) == 1:
            return content
        turned = pixels_of(image, options)
        encoded = io.BytesIO()
        if turned.mode in _PLAIN_MODES:
            _without_info(turned).save(encoded, "PNG", compress_level=1)
        elif turned.mode == "F":
            _without_info(turned).save(encoded, "TIFF")
        else:
            _without_info(turned.convert("RGB")).save(encoded, "PNG", compress_level=1)
        return encoded.getvalue()


def _without_info(image: Image.Image) -> Image.Image:
    """Return the pixels alone: Pillow would write the old orientation beside them."""
    plain = image.copy()
    transparency = {key: plain.info[key] for key in ("transparency",) if key in plain.info}
    plain.info.clear()
    plain.info.update(transparency)
    plain.getexif().clear()
    return plain


def cut_short(content: bytes, max_pixels: int = MAX_PIXELS) -> str | None:
    """Return why an image is incomplete, else None. OpenCV fills missing parts with grey.

    Complete files are recognised by their end marks; only the others are decoded.
    """
    if not content:
        return "the file is empty"
    if content.startswith(b"\xff\xd8"):
        complete = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
    elif content.startswith(b"\x89PNG"):
        complete = b"IEND" in content[-64:]
    else:
        return None
    if complete:
        return None
    try:
        with warnings.catch_warnings(), open_image(content, max_pixels) as image:
            warnings.simplefilter("ignore")
            image.load()
    except Exception as error:  # Pillow's decoders raise many kinds
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Return in one line why an image could not be read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (str(error).strip().splitlines() or [""])[0]
    return text[:300] or type(error).__name__
