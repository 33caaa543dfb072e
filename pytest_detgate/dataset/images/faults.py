"""What is wrong with image files, found without decoding more than has to be.

A file may be anything: a name from an annotation file is only text. Nothing but regular files
inside the images folder is opened, and no image is unpacked that says it is enormous.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from PIL import ImageFile, UnidentifiedImageError

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.opening import (
    format_of_suffix,
    image_suffixes,
    open_image,
    orientation,
    size_of,
    stored_size,
)
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.dataset.images.several_frames import count_frames
from pytest_detgate.dataset.text.other_files import what_else
from pytest_detgate.regular_file import open_regular

Kind = Literal[
    "missing", "unreadable", "truncated", "other_size", "rotated", "other_format", "several_frames"
]
KINDS: tuple[Kind, ...] = (
    *("missing", "unreadable", "truncated", "other_size", "rotated", "other_format"),
)
SEVERAL_FRAMES: Kind = "several_frames"
"""No fault, and yet something that a person should know."""

# The end of a JPEG is looked for in its last bytes; a smaller file is searched whole, as the end
# of its embedded thumbnail could be there.
_TAIL = 1 << 16
_WHOLE = 1 << 18
_AT_ONCE = 4096
_HEAD = 1024

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with an image file, or worth knowing of it."""

    kind: Kind
    reason: str


def picture_flaws(
    folder: Path,
    names: Sequence[str],
    stated: Sequence[tuple[float, float]],
    options: ImageOptions,
) -> Iterator[tuple[int, Flaw]]:
    """Yield index and flaw of the images with one, in order; `stated` are the sizes that they
    should have, NaN where none is stated."""
    root = os.path.realpath(folder)
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # Pillow warns of oddities in metadata.
        warnings.simplefilter("ignore")
        for start in range(0, len(names), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            flaws = pool.map(
                lambda name, size: picture_flaw(root, name, size, options),
                names[part],
                stated[part],
            )
            for number, flaw in enumerate(flaws, start):
                if flaw is not None:
                    yield number, flaw


def picture_flaw(
    root: str, name: str, stated: tuple[float, float], options: ImageOptions
) -> Flaw | None:
    """What is wrong with one image under the real path `root`, if anything is."""
    try:
        with open_regular(options.real_path(root, name)) as file:
            return _flaw(file, name, stated, options)
    except (FileNotFoundError, NotADirectoryError):
        return Flaw("missing", _missing(os.path.join(root, name)))  # noqa: PTH118
    except OSError as error:
        return Flaw("unreadable", error.strerror or str(error))
    except ValueError as error:  # a null byte in the name
        return Flaw("missing", f"no such file can exist: {error}")


def _missing(path: str) -> str:
    try:
        target = os.readlink(path)  # noqa: PTH115
    except (OSError, ValueError):
        return "no such file"
    return f"a link to {target}, which is not there"


def _flaw(
    file: io.BufferedReader, name: str, stated: tuple[float, float], options: ImageOptions
) -> Flaw | None:
    length = os.fstat(file.fileno()).st_size
    if not length:
        return Flaw("unreadable", "the file is empty")
    try:
        with open_image(file, options.max_pixels) as picture:
            turn, stored, meant = orientation(picture), *_sizes(picture, options)
            return (
                _cut_off(file, picture, length, options)
                or _turned(turn, stored, meant, stated, options)
                or _wrong_size(meant, stated)
                or _wrong_suffix(name, picture)
                or _several_frames(picture)
            )
    except UnidentifiedImageError:
        file.seek(0)
        return Flaw("unreadable", f"not an image{what_else(file.read(_HEAD), image_suffixes())}")
    except Exception as error:  # Pillow's decoders raise many kinds
        text = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return Flaw("truncated" if "truncated" in text.lower() else "unreadable", text)


def _sizes(picture: ImageFile.ImageFile, options: ImageOptions) -> tuple[Size, Size]:
    return stored_size(picture), size_of(picture, options)


def _cut_off(
    file: io.BufferedReader, picture: ImageFile.ImageFile, length: int, options: ImageOptions
) -> Flaw | None:
    if picture.format in ("JPEG", "MPO"):
        file.seek(0 if length <= _WHOLE else length - _TAIL)
        tail = file.read()
        if tail.rfind(b"\xff\xd9") > tail.rfind(b"\xff\xda"):
            return None
        return Flaw("truncated", "the end of the image is missing")
    if picture.format == "PNG":
        file.seek(max(0, length - 64))
        if b"IEND" not in file.read():
            return Flaw("truncated", "the end of the image is missing")
        file.seek(0)
        with open_image(file, options.max_pixels) as again:
            again.verify()  # its check sums
        return None
    picture.load()
    return None


def _turned(
    turn: int, stored: Size, meant: Size, stated: tuple[float, float], options: ImageOptions
) -> Flaw | None:
    """What a reader must know of an image that its EXIF orientation turns, if anything."""
    if turn == 1:
        return None
    is_as_meant = _wrong_size(meant, stated) is None
    is_as_stored = _wrong_size(stored, stated) is None
    if options.exif == "apply" and (is_as_meant or not is_as_stored):
        return None
    text = f"EXIF orientation {turn}: viewers turn or mirror it, some loaders do not"
    if options.exif == "ignore":
        text += '; with exif = "ignore" its labels are on the pixels as they are stored'
    elif is_as_meant:
        text += '; where labels are on the upright image, say so: exif = "apply" under [dataset]'
    elif is_as_stored:
        text += "; the stated size is that of the pixels as they are stored"
    return Flaw("rotated", text)


def _wrong_suffix(name: str, picture: ImageFile.ImageFile) -> Flaw | None:
    """A suffix that is that of another format. Loaders that go by it refuse the file, or read it in
    another way than those that look inside."""
    suffix = PurePosixPath(name).suffix
    stated = format_of_suffix(suffix)
    if stated is None or picture.format is None or _family(stated) == _family(picture.format):
        return None
    return Flaw("other_format", f"the file is {picture.format}, and its suffix is {suffix}")


def _several_frames(picture: ImageFile.ImageFile) -> Flaw | None:
    frames = count_frames(picture)
    return Flaw(SEVERAL_FRAMES, counted(frames, "frame")) if frames > 1 else None


def _family(name: str) -> str:
    """The format without differences that no loader minds."""
    return {"MPO": "JPEG", "PPM": "PNM", "DIB": "BMP"}.get(name, name)


def _wrong_size(size: Size, stated: tuple[float, float]) -> Flaw | None:
    width, height = size
    for side, own, stated_side in (("width", width, stated[0]), ("height", height, stated[1])):
        if stated_side == stated_side and stated_side != own:
            return Flaw(
                "other_size",
                f"{side} {own}, stated as {stated_side:g} (the image is {width} × {height})",
            )
    return None
