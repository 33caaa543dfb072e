"""Opening of image files with Pillow: which formats, how many pixels, and which way up."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import threading
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageFile

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.dataset.images.png_header import PNG_HEAD, plain_png_size
from pytest_detgate.regular_file import open_regular, read_beginning

# Further formats, where such a plugin of Pillow is installed.
_PLUGINS = ("pillow_heif", "pillow_avif", "pillow_jxl")
# EPS starts another program; of MPEG Pillow knows only the size.
_NOT_DECODED = frozenset({"EPS", "MPEG"})
_MOST_COMMON = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

ORIENTATION = 0x0112
"""The EXIF tag, from 1 (upright) to 8."""
_WIDTH, _HEIGHT = 0x0100, 0x0101
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""
_BACK = {**TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
_SIDEWAYS = frozenset({5, 6, 7, 8})


class TooManyPixelsError(ValueError):
    """An image is larger than `[dataset] max-pixels` allows."""

    def __init__(self, size: tuple[int, int], limit: int) -> None:
        self.size = size
        super().__init__(
            f"{size[0]} × {size[1]} are {counted(size[0] * size[1], 'pixel')}, over the limit of "
            f"{limit:,}; max-pixels under [dataset] raises it"
        )


@functools.cache
def image_formats() -> tuple[str, ...]:
    """The formats that Pillow decodes by itself, as it names them, the most common ones first."""
    for name in _PLUGINS:
        with contextlib.suppress(ImportError):
            register = getattr(importlib.import_module(name), "register_heif_opener", None)
            if register is not None:
                register()
    Image.init()
    decoded = [
        name
        for name, (factory, _) in Image.OPEN.items()
        if name not in _NOT_DECODED and not _is_stub(factory)
    ]
    first = [name for name in _MOST_COMMON if name in decoded]
    return (*first, *(name for name in decoded if name not in first))


@functools.cache
def image_suffixes() -> frozenset[str]:
    """The suffixes, in small letters and with the dot, of the images that can be opened."""
    # An MPO file, of several JPEG images, is opened as JPEG.
    formats = {*image_formats(), "MPO"}
    return frozenset(
        suffix for suffix, name in Image.registered_extensions().items() if name in formats
    )


def format_of_suffix(suffix: str) -> str | None:
    """The format, as Pillow names it, that a suffix is used for; None for one that it does not
    know."""
    image_formats()
    return Image.registered_extensions().get(suffix.lower())


def open_image(source: io.BufferedReader | bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Open an image for decoding; the caller closes it.

    Raises `TooManyPixelsError`, whose message names the option, before anything is decoded, and
    any error of Pillow for a file that is no image.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with _pillows_limit_lifted():
        image = Image.open(file, formats=image_formats())
    if image.size[0] * image.size[1] > max_pixels:
        image.close()
        raise TooManyPixelsError(image.size, max_pixels)
    return image


def orientation(image: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation of an image that is not decoded yet: 1 where it is upright, has
    none, or one that does not exist, which viewers ignore."""
    try:
        value = _orientation(image)
    except Exception:  # damaged metadata make Pillow raise many kinds, and mean nothing to viewers
        return 1
    return value if isinstance(value, int) and value in TURNS else 1


def stored_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return width and height of the pixels as the file holds them."""
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        # Of these Pillow gives the size that they have when they are turned.
        return int(tags[_WIDTH]), int(tags[_HEIGHT])
    return image.size


def size_of(image: ImageFile.ImageFile, options: ImageOptions) -> tuple[int, int]:
    """Return width and height of an image as its labels mean them."""
    width, height = stored_size(image)
    sideways = options.is_upright and orientation(image) in _SIDEWAYS
    return (height, width) if sideways else (width, height)


def pixels_of(image: ImageFile.ImageFile, options: ImageOptions) -> Image.Image:
    """Decode an image and turn it as its labels mean it."""
    turn = orientation(image)
    image.load()
    if turn == 1:
        return image
    # Pillow turns a TIFF by itself while it decodes it.
    is_upright = image.format == "TIFF" and ORIENTATION not in getattr(image, "tag_v2", {})
    if is_upright == options.is_upright:
        return image
    return image.transpose(TURNS[turn] if options.is_upright else _BACK[turn])


def image_size(path: str, options: ImageOptions) -> tuple[int, int] | None:
    """Return the size that an image's header states, None where there is no readable image."""
    try:
        plain = plain_png_size(read_beginning(path, PNG_HEAD))
        if plain is not None and plain[0] * plain[1] <= options.max_pixels:
            return plain
        with open_regular(path) as file, open_image(file, options.max_pixels) as image:
            return size_of(image, options)
    except Exception:  # any error, for a damaged header
        return None


def _orientation(image: ImageFile.ImageFile) -> Any:
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        return tags.get(ORIENTATION)
    # Not `getexif`: of a PNG it would decode all pixels, and it takes an orientation from XMP,
    # which viewers do not.
    content = image.info.get("exif")
    if not content:
        return None
    exif = Image.Exif()
    exif.load(content)
    return exif.get(ORIENTATION)


def _is_stub(factory: Any) -> bool:
    """Whether Pillow only knows what a file is, and needs something else to decode it."""
    return isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)


class _Lifted:
    lock = threading.Lock()
    users = 0
    limit: int | None = None


@contextlib.contextmanager
def _pillows_limit_lifted() -> Iterator[None]:
    """Keep Pillow from applying its own limit, which cannot be given for a file."""
    with _Lifted.lock:
        if not _Lifted.users:
            _Lifted.limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _Lifted.users += 1
    try:
        yield
    finally:
        with _Lifted.lock:
            _Lifted.users -= 1
            if not _Lifted.users:
                Image.MAX_IMAGE_PIXELS = _Lifted.limit
