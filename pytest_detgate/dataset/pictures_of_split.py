"""Which pictures a split has where its label format does not list them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.folder import picture_names
from pytest_detgate.dataset.image_file import image_size
from pytest_detgate.dataset.image_options import ImageOptions
from pytest_detgate.dataset.text_file import read_text
from pytest_detgate.errors import DataError

# ImageSets of Pascal VOC say behind each name whether a class is in the picture.
_FLAGS = frozenset({"-1", "0", "1"})
USUAL_SUFFIX = ".jpg"
"""What is taken for the suffix of a picture that is not there."""


class PictureFolder:
    """The pictures of a folder, found by whatever part of their name a label file gives."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of images")
        self.names = picture_names(folder)
        self._by_part: dict[str, str] = {}
        for name in self.names:
            path = PurePosixPath(name)
            for part in (name, path.with_suffix("").as_posix(), path.name, path.stem):
                self._by_part.setdefault(part, name)

    def find(self, said: str) -> str | None:
        """The picture that a name, with or without folders and suffix, means."""
        path = PurePosixPath(said.replace("\\", "/"))
        for part in (path.as_posix(), path.name, path.stem):
            if part in self._by_part:
                return self._by_part[part]
        return None


def pictures_of_split(folder: PictureFolder, listed: Path | None) -> list[str]:
    """The pictures that the file `listed` names, else all of the folder.

    One that is listed and not there keeps its name, so that it is missed where files are looked
    for.
    """
    if listed is None:
        return folder.names
    names: dict[str, None] = {}
    for line in read_text(listed).splitlines():
        said = _without_flag(line.strip())
        if said:
            names[folder.find(said) or _assumed_name(said)] = None
    return list(names)


def _assumed_name(said: str) -> str:
    """The file name of a picture that is not there."""
    name = PurePosixPath(said.replace("\\", "/")).name
    return name if PurePosixPath(name).suffix else name + USUAL_SUFFIX


def picture_sizes(folder: Path, names: Sequence[str], options: ImageOptions) -> NDArray[np.float64]:
    """(n, 2) width and height of each picture as its file says, NaN where it cannot be read."""
    root = os.path.realpath(folder)

    def size(name: str) -> tuple[float, float]:
        with contextlib.suppress(OSError, ValueError):
            return image_size(options.real_path(root, name), options) or (np.nan, np.nan)
        return np.nan, np.nan

    with ThreadPoolExecutor(8) as pool:
        return np.array(list(pool.map(size, names)), dtype=np.float64).reshape(-1, 2)


def _without_flag(line: str) -> str:
    name, _, flag = line.rpartition(" ")
    return name.strip() if flag in _FLAGS and name else line
