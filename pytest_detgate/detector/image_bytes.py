"""The bytes of an image, before a model's own decoder gets them."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from pytest_detgate.dataset.images.opening import open_image, orientation, pixels_of
from pytest_detgate.dataset.images.options import MAX_PIXELS, ImageOptions
from pytest_detgate.regular_file import read_regular

# What a PNG can hold.
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


def read_image(path: str, options: ImageOptions) -> tuple[bytes, bytes]:
    """Read an image file: its bytes as they are, and those that a decoder is to be given.

    These differ only where an EXIF orientation turns the image: decoders differ in whether they
    turn it, so they are given one without orientation, encoded again without loss. Raises
    `OSError` where the file cannot be read, `ValueError` where it is cut off or has too many
    pixels, and whatever Pillow raises for damaged ones.
    """
    content = read_regular(path)
    if (flaw := cut_short(content, options.max_pixels)) is not None:
        raise ValueError(flaw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return content, _as_meant(content, options)


def _as_meant(content: bytes, options: ImageOptions) -> bytes:
    try:
        image = open_image(content, options.max_pixels)
    except UnidentifiedImageError:
        return content  # the model's own decoder may know more formats
    with image:
        if orientation(image) == 1:
            return content
        meant = pixels_of(image, options)
        encoded = io.BytesIO()
        if meant.mode in _PLAIN_MODES:
            _plain(meant).save(encoded, "PNG", compress_level=1)
        elif meant.mode == "F":
            _plain(meant).save(encoded, "TIFF")
        else:
            _plain(meant.convert("RGB")).save(encoded, "PNG", compress_level=1)
        return encoded.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """The pixels alone: Pillow would write the old orientation beside them."""
    plain = image.copy()
    transparency = {key: plain.info[key] for key in ("transparency",) if key in plain.info}
    plain.info.clear()
    plain.info.update(transparency)
    plain.getexif().clear()
    return plain


def cut_short(content: bytes, max_pixels: int = MAX_PIXELS) -> str | None:
    """Say why a picture is incomplete: OpenCV fills what is missing with grey and says nothing.

    Complete files are recognised by their end marks; only a doubtful one is decoded for it.
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
    """Say in one line why a picture could not be read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (str(error).strip().splitlines() or [""])[0]
    return text[:300] or type(error).__name__
