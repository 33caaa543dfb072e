"""Images for the page: found through the record, read with care, made small.

A `file_name` comes from somebody's annotation file, so it may not lead out of its images folder,
and what it names may be anything. Words replace what cannot be shown.
"""

from __future__ import annotations

import base64
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from types import MappingProxyType

from PIL import Image, UnidentifiedImageError

from pytest_detgate.dataset.images.opening import (
    TooManyPixelsError,
    open_image,
    pixels_of,
    size_of,
)
from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.record.report import DatasetRecord
from pytest_detgate.regular_file import open_regular, real_path
from pytest_detgate.report.figures.closeups import Box, closeups_of

WIDTH = 640
HEIGHT = 960
CLOSEUP = 160
QUALITY = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """An image to show, or why there is none.

    `size` is width and height of the stored image in pixels, where its header could be read.
    `source` is a data URI; `closeups` are `(index of the box, square, data URI)`.
    """

    source: str | None = None
    size: tuple[int, int] | None = None
    problem: str = ""
    closeups: tuple[tuple[int, Box, str], ...] = ()

    @property
    def weight(self) -> int:
        """Count the bytes that showing the image adds to the page."""
        return len(self.source or "") + sum(len(source) for _, _, source in self.closeups)


class ImageFolders:
    """Finds and reads the images of a record's splits and probes; none where it is `closed`."""

    def __init__(
        self,
        dataset: DatasetRecord,
        root: Path,
        *,
        closed: bool = False,
        further: Mapping[str, Path] = MappingProxyType({}),
        stores: tuple[str, ...] = (),
    ) -> None:
        """`further` are folders of splits and probes that may be anywhere. A folder that only the
        record names must be under `root`: anybody may have written the record. `stores` are the
        real paths of folders that images may be links into."""
        self.closed = closed
        self._options = ImageOptions(
            exif="apply" if dataset.upright else "ignore",
            max_pixels=dataset.max_pixels,
            stores=stores,
            project=os.path.realpath(root),
        )
        folders: Mapping[str, str] = {
            **{name: split.images_dir for name, split in dataset.splits.items()},
            **{name: probe.images_dir for name, probe in dataset.probes.items()},
        }
        named = {name: root / folder for name, folder in folders.items()}
        self._outside = {
            name
            for name, folder in named.items()
            if name not in further and not _is_under(folder, root)
        }
        self._folders = {**named, **further}

    def thumbnail(self, dataset: str, file_name: str, boxes: Sequence[Box] = ()) -> Thumbnail:
        """Read one image as a thumbnail, with close-ups of the first small boxes on it."""
        if self.closed:
            return Thumbnail()
        if dataset not in self._folders:
            return Thumbnail(problem="The record names no images folder for this image.")
        if dataset in self._outside:
            return Thumbnail(
                problem="Refused: the record names an images folder outside the root folder; "
                "--images of the report command says where it is."
            )
        path = inside(self._folders[dataset], file_name, self._options)
        if path is None:
            return Thumbnail(problem="Refused: this file name leads out of its images folder.")
        if not path.is_file():
            return Thumbnail(problem="The image is missing.")
        return thumbnail(path, boxes, self._options)


def _is_under(folder: Path, root: Path) -> bool:
    """Whether a folder is the root or under it, after links were followed."""
    try:
        return real_path(folder).is_relative_to(real_path(root))
    except (OSError, ValueError):  # a NUL in the name
        return False


def inside(folder: Path, file_name: str, options: ImageOptions = AS_SHOWN) -> Path | None:
    """Resolve a file name in its folder; None where it leads out, by `..`, a root or a link that
    may not be followed."""
    # Where there are drives, `a:b.jpg` is a file on one, elsewhere only an odd name.
    of_windows = PureWindowsPath(file_name)
    if Path(file_name).is_absolute() or of_windows.root or (os.name == "nt" and of_windows.drive):
        return None
    try:
        # A name that climbs out is refused though it may lead to a store.
        if os.path.normpath(file_name).startswith(os.pardir):
            return None
        return Path(options.real_path(os.path.realpath(folder), file_name))
    except (OSError, RuntimeError, ValueError):  # a link that leads out, a NUL in the name
        return None


def thumbnail(path: Path, boxes: Sequence[Box] = (), options: ImageOptions = AS_SHOWN) -> Thumbnail:
    """Decode an image, turned as its boxes mean it, and make a small JPEG without metadata."""
    size: tuple[int, int] | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_regular(path) as file, open_image(file, options.max_pixels) as image:
                size = size_of(image, options)
                squares = closeups_of(boxes, size)
                if not squares:
                    image.draft("RGB", (2 * WIDTH, 2 * HEIGHT))
                meant = pixels_of(image, options)
                closeups = tuple(
                    (index, square, _data_uri(_flat(_cut(meant, square), CLOSEUP, CLOSEUP)))
                    for index, square in squares
                )
                small = _flat(meant, WIDTH, HEIGHT)
    except TooManyPixelsError as error:
        return Thumbnail(size=error.size, problem=f"The image is too large to show: {error}")
    except UnidentifiedImageError:
        return Thumbnail(problem="The image cannot be read: it is no image that Pillow knows.")
    except Exception as error:  # a damaged file makes a decoder raise nearly anything
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        return Thumbnail(size=size, problem=f"The image cannot be read: {reason}")
    return Thumbnail(source=_data_uri(small), size=size, closeups=closeups)


def _cut(image: Image.Image, square: Box) -> Image.Image:
    x, y, width, height = map(round, square)
    return image.crop((x, y, x + width, y + height))


def _flat(image: Image.Image, width: int, height: int) -> Image.Image:
    """Reduce to eight-bit RGB on grey, at most so wide and high."""
    if image.mode.startswith("I;16"):  # which Pillow reduces only since 10.3
        image = image.convert("I")
    image.thumbnail((width, height), reducing_gap=2.0)
    if image.mode == "F" or image.mode.startswith("I"):
        return _stretched(image).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        layers = image.convert("RGBA")
        ground = Image.new("RGBA", layers.size, (128, 128, 128, 255))
        return Image.alpha_composite(ground, layers).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Map 16-bit and floating point greys, as of thermal cameras, to what can be seen."""
    greys = image.convert("F")
    low, high = greys.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    factor = 255 / (high - low) if high > low else 0.0
    return greys.point(lambda grey: grey * factor - low * factor).convert("L")


def _data_uri(image: Image.Image) -> str:
    image.info.clear()  # Pillow would carry a JPEG comment over
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")
