"""File names of annotation files, relative to their images folder and inside of it."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.names import names_in
from pytest_detgate.dataset.images.options import AS_SHOWN
from pytest_detgate.dataset.images.paths import parts_of
from pytest_detgate.errors import DataError

_SUSPICIOUS = re.compile(r"\0[/\\]|\.\.|\0[^\0]{1,2}:")
_PAIRS = ((".", "."), ("\0", "/"), ("\0", "\\"))
"""A name with none of them is not suspicious if it has no colon either."""
_AT_ONCE = 1 << 16
"""Letters compared at once: what is computed of them stays in the cache of a processor."""


def names_inside(
    file_names: NDArray[np.object_], folder: Path, where: str, *, by_name: bool = False
) -> NDArray[np.object_]:
    """Return file names relative to their images folder: an absolute path into it, and one that
    leaves it and comes back, mean a file inside.

    Any other name that leaves the folder raises `DataError`; with `by_name` it means a file of
    that name inside.
    """
    rows = leaving_rows(file_names)
    if not rows:
        return file_names
    inside = file_names.copy()
    for row in rows:
        file_name = str(file_names[row])
        relative = _relative(file_name, folder)
        if relative is None and by_name:
            relative = next(reversed(parts_of(file_name)), None)
            relative = None if relative in (None, "..") else relative
        if relative is None:
            raise DataError(
                f"{where}: images[{row}].file_name {file_name!r} leaves the images folder; "
                f"a file_name must be relative to it and stay inside{_near(file_name, folder)}"
            )
        inside[row] = relative
    return inside


def _near(file_name: str, folder: Path) -> str:
    """Which file of the folder a name may mean that leaves it, and how to take that."""
    near = names_in(folder, AS_SHOWN).near_names
    note = near.note(file_name)
    if not note or near.only(file_name) is None:
        return note
    return f'{note[:-1]}; match-names = "near" under [dataset] takes it)'


def leaving_rows(file_names: NDArray[np.object_]) -> list[int]:
    """Return the rows of the names that are absolute, or go up a folder."""
    # One look at all names together: nearly no file has a name that needs a second one. To compare
    # bytes is many times as fast as to search for the pattern, and mostly finds nothing.
    names = "\0".join(["", *file_names.tolist()])
    if not (":" in names or _has_pair(names)) or not _SUSPICIOUS.search(names):
        return []
    return [row for row, name in enumerate(file_names.tolist()) if _leaves(name)]


def _has_pair(names: str) -> bool:
    letters = np.frombuffer(names.encode("utf-8", "surrogatepass"), np.uint8)
    for start in range(0, len(letters) - 1, _AT_ONCE):
        letter, following = (letters[start + more :][:_AT_ONCE] for more in (0, 1))
        letter = letter[: len(following)]
        for first, second in _PAIRS:
            if ((letter == ord(first)) & (following == ord(second))).any():
                return True
    return False


def _leaves(file_name: str) -> bool:
    parts = file_name.replace("\\", "/").split("/")
    # Where there are drives, `a:b.jpg` is a file on one, elsewhere only an odd name.
    drive = parts[0][1:2] == ":" and (len(parts[0]) == 2 or os.name == "nt")
    return (parts[0] == "" and len(parts) > 1) or ".." in parts or drive


def _relative(file_name: str, folder: Path) -> str | None:
    """The name relative to the folder, of a path that leads into it; nothing is opened."""
    file_name = file_name.replace("\\", "/")
    for own in (os.path.abspath(folder), os.path.realpath(folder)):  # noqa: PTH100
        path = os.path.normpath(os.path.join(own, file_name))  # noqa: PTH118
        if path.startswith(own.rstrip(os.sep) + os.sep):
            name = PurePosixPath(path[len(own.rstrip(os.sep)) + 1 :].replace(os.sep, "/"))
            return None if _leaves(str(name)) else str(name)
    return None
