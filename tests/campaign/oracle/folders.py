"""Folders and image files of a project."""

from __future__ import annotations

import io
import unicodedata
import warnings
from pathlib import PurePosixPath

from PIL import Image as Pillow

from tests.campaign.project import Entry, content, followed, read, resolved

Files = dict[str, Entry]

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".avif", ".jp2"),
)
"""Suffixes of images."""


def names_below(files: Files, folder: str) -> list[str]:
    """The files below a folder, hidden ones left out, sorted; also what a link stands for. The
    folder itself may be a link."""
    start = _start(files, folder)
    return sorted(
        name.removeprefix(start)
        for name, entry in files.items()
        if name.startswith(start)
        and "folder" not in entry
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
    )


def is_folder(files: Files, path: str) -> bool:
    """Whether there is a folder: one that is empty, or has anything in it."""
    location, start = followed(files, path), _start(files, path)
    return any(
        name.startswith(start) or (name == location and "folder" in entry)
        for name, entry in files.items()
    )


def _start(files: Files, folder: str) -> str:
    """What the path of a file in a folder begins with."""
    location = followed(files, folder)
    return "" if location == "." else f"{location}/"


def is_image(files: Files, path: str) -> bool:
    """Whether a file is called an image, or leads to one."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def path_of(files: Files, folder: str, name: str) -> str:
    """The path of an image by its name: the composed and the decomposed name are one, and so are
    those with either slash."""
    for path in (f"{folder}/{name}", f"{folder}/{name}".replace("\\", "/")):
        if resolved(files, path) is not None:
            return path
    composed = unicodedata.normalize("NFC", name)
    alike = [
        other
        for other in names_below(files, folder)
        if unicodedata.normalize("NFC", other) == composed
    ]
    return f"{folder}/{alike[0]}" if len(alike) == 1 else path


def is_regular(files: Files, path: str) -> bool:
    """Whether a path is a regular file."""
    location = resolved(files, path)
    return location is not None and content(files[location]) is not None


def leaves(files: Files, folder: str, path: str) -> bool:
    """Whether a path below a folder leads out of it, through a link."""
    location = resolved(files, path)
    return location is not None and not location.startswith(_start(files, folder))


def size_of(files: Files, path: str) -> tuple[float, float] | None:
    """Width and height that an image file states; None where it is none."""
    data = read(files, path)
    if data is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            width, height = Pillow.open(io.BytesIO(data)).size
    except Exception:
        return None
    return float(width), float(height)


def is_whole(files: Files, path: str) -> bool:
    """Whether an image file can be decoded to its end."""
    data = read(files, path)
    if data is None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Pillow.open(io.BytesIO(data)).load()
    except Exception:
        return False
    return True


def orientation_of(files: Files, path: str) -> int:
    """The EXIF orientation of an image file, 1 where it says none."""
    data = read(files, path)
    if data is None:
        return 1
    try:
        value = Pillow.open(io.BytesIO(data)).getexif().get(0x0112, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1
