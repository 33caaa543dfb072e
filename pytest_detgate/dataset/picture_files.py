"""What is wrong with picture files, found without decoding more than has to be.

A file may be anything: a name from an annotation file is only text. Nothing but regular files
inside the images folder is opened, and no picture is unpacked that says it is enormous.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageFile, UnidentifiedImageError

Kind = Literal["missing", "unreadable", "truncated", "other_size", "rotated"]
KINDS: tuple[Kind, ...] = ("missing", "unreadable", "truncated", "other_size", "rotated")

_ORIENTATION = 0x0112
_UPRIGHT = (None, 0, 1)
# The end of a JPEG is looked for in its last bytes; a smaller file is searched whole, as the end
# of its embedded thumbnail could stand there.
_TAIL = 1 << 16
_WHOLE = 1 << 18
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a picture file."""

    kind: Kind
    reason: str


def picture_flaws(
    folder: Path, names: Sequence[str], stated: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, Flaw]]:
    """Yield index and flaw of the pictures with one, in order; `stated` are the sizes that they
    should have, NaN where none is stated."""
    root = os.path.realpath(folder)
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # Pillow warns of oddities in metadata, and of pictures that are merely large.
        warnings.simplefilter("ignore")
        for start in range(0, len(names), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            flaws = pool.map(
                lambda name, size: picture_flaw(root, name, size), names[part], stated[part]
            )
            for at, flaw in enumerate(flaws, start):
                if flaw is not None:
                    yield at, flaw


def picture_flaw(root: str, name: str, stated: tuple[float, float]) -> Flaw | None:
    """What is wrong with one picture under the real path `root`, if anything is."""
    try:
        path = os.path.realpath(os.path.join(root, name))  # noqa: PTH118
        if os.path.commonpath([root, path]) != root:
            return Flaw("unreadable", f"a link that leads out of the images folder, to {path}")
        with _opened(path) as file:
            return _flaw(file, stated)
    except (FileNotFoundError, NotADirectoryError):
        return Flaw("missing", "no such file")
    except _NoPictureError as error:
        return Flaw("unreadable", str(error))
    except OSError as error:
        return Flaw("unreadable", error.strerror or str(error))
    except ValueError as error:  # a null byte in the name
        return Flaw("missing", f"no such file can exist: {error}")


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height that a picture's header states, None where there is no readable picture."""
    try:
        with warnings.catch_warnings(), _opened(os.fspath(path)) as file:
            warnings.simplefilter("ignore")
            with Image.open(file) as picture:
                return picture.size
    except Exception:  # whatever a damaged header makes Pillow raise
        return None


class _NoPictureError(Exception):
    pass


def _opened(path: str) -> io.BufferedReader:
    # A pipe that nobody writes to would wait for ever when opened the usual way.
    descriptor = os.open(
        path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _NoPictureError("a folder" if stat.S_ISDIR(mode) else "not a regular file")
    return os.fdopen(descriptor, "rb")


def _flaw(file: io.BufferedReader, stated: tuple[float, float]) -> Flaw | None:
    length = os.fstat(file.fileno()).st_size
    if not length:
        return Flaw("unreadable", "the file is empty")
    try:
        with Image.open(file) as picture:
            return _cut_off(file, picture, length) or _wrong_size(picture, stated)
    except UnidentifiedImageError:
        return Flaw("unreadable", "not a picture")
    except Image.DecompressionBombError as error:
        return Flaw("unreadable", str(error))
    except Exception as error:  # Pillow's decoders raise many kinds
        text = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return Flaw("truncated" if "truncated" in text.lower() else "unreadable", text)


def _cut_off(file: io.BufferedReader, picture: ImageFile.ImageFile, length: int) -> Flaw | None:
    if picture.format in ("JPEG", "MPO"):
        file.seek(0 if length <= _WHOLE else length - _TAIL)
        tail = file.read()
        if tail.rfind(b"\xff\xd9") > tail.rfind(b"\xff\xda"):
            return None
        return Flaw("truncated", "the end of the picture is missing")
    if picture.format == "PNG":
        file.seek(max(0, length - 64))
        if b"IEND" not in file.read():
            return Flaw("truncated", "the end of the picture is missing")
        file.seek(0)
        with Image.open(file) as again:
            again.verify()  # its check sums
        return None
    picture.load()
    return None


def _wrong_size(picture: ImageFile.ImageFile, stated: tuple[float, float]) -> Flaw | None:
    turned = _exif(picture).get(_ORIENTATION)
    if turned not in _UPRIGHT:
        return Flaw(
            "rotated", f"EXIF orientation {turned}: viewers turn or mirror it, most loaders do not"
        )
    width, height = picture.size
    for side, own, said in (("width", width, stated[0]), ("height", height, stated[1])):
        if said == said and said != own:
            return Flaw(
                "other_size",
                f"{side} {own}, stated as {said:g} (the picture is {width} × {height})",
            )
    return None


def _exif(picture: ImageFile.ImageFile) -> Image.Exif:
    if picture.format != "PNG":
        return picture.getexif()
    # Pillow would decode the whole picture, as in a PNG it may stand behind the pixels.
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    return exif
