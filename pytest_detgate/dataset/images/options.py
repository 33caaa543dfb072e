"""How the images of a project are read: which way up, how large, and where links may lead."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Exif = Literal["apply", "ignore"]

MAX_PIXELS = 178_956_970
"""Pixels over which Pillow refuses an image: a quarter of a gigabyte as RGB, twice over."""

# Stores name files by their content: DVC and Hugging Face by a digest, git-annex by a key.
_BY_CONTENT = re.compile(r"[0-9a-f]{30,}")
_ANNEX = f"{os.sep}annex{os.sep}objects{os.sep}"


class OutsideError(OSError):
    """A name in an images folder leads out of it; `reason` says where to."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """The options of `[dataset]` that concern image files.

    `exif` is None where the project does not say; images are then turned as their EXIF orientation
    says. `stores` are the real paths of the folders in `follow-links`, `project` is that of the
    folder of `detgate.toml`.
    """

    exif: Exif | None = None
    max_pixels: int = MAX_PIXELS
    stores: tuple[str, ...] = ()
    project: str | None = None

    @property
    def is_upright(self) -> bool:
        """Whether pixels and sizes are those of the image turned as its EXIF orientation says."""
        return self.exif != "ignore"

    def real_path(self, root: str, name: str) -> str:
        """Return the real path of an image in the folder with the real path `root`.

        Links may lead to a file in that folder, in one of `stores`, or in a store inside the
        project that names its files by content (DVC, git-annex, Hugging Face). `OutsideError` for
        any other target.
        """
        path = os.path.realpath(os.path.join(root, name))  # noqa: PTH118
        if any(is_inside(path, folder) for folder in (root, *self.stores)):
            return path
        if self.project is not None and is_inside(path, self.project) and _is_in_store(path):
            return path
        raise OutsideError(
            f"a link that leads out of the images folder, to {path}; follow-links under [dataset] "
            "names the folders that links may lead into",
        )


class InnerPaths:
    """The real paths of many images of a folder. Only links, and the folders that images are in,
    are resolved: nearly no image is a link."""

    def __init__(self, folder: Path, options: ImageOptions) -> None:
        self._root = os.path.realpath(folder)
        self._options = options
        self._folders: dict[str, str | None] = {}

    def real(self, name: str) -> str:
        """Return the real path of an image; `OutsideError` as `ImageOptions.real_path`."""
        parent, _, last = name.rpartition("/")
        if parent not in self._folders:
            path = os.path.realpath(os.path.join(self._root, parent))  # noqa: PTH118
            self._folders[parent] = path if is_inside(path, self._root) else None
        folder = self._folders[parent]
        if folder is not None and last not in ("", ".", ".."):
            path = f"{folder}{os.sep}{last}"
            if not os.path.islink(path):  # noqa: PTH114
                return path
        return self._options.real_path(self._root, name)


AS_SHOWN = ImageOptions()
"""The options of a project that gives none."""


def refused_links(
    folder: Path, names: Sequence[str], options: ImageOptions
) -> dict[int, OutsideError]:
    """Return the rows of the images that lead out of their folder by a link, with the reason.

    Only links, and the folders that images are in, are resolved: nearly no image is a link.
    """
    root = os.path.realpath(folder)
    inner: dict[str, bool] = {}
    refused = {}
    for row, name in enumerate(names):
        parent = os.path.dirname(name)  # noqa: PTH120
        if parent not in inner:
            inner[parent] = is_inside(os.path.realpath(f"{root}{os.sep}{parent}"), root)
        path = f"{root}{os.sep}{name}"
        if inner[parent] and not os.path.islink(path):  # noqa: PTH114
            continue
        try:
            options.real_path(root, name)
        except OutsideError as error:
            refused[row] = error
        except (OSError, ValueError):
            continue  # what is wrong is reported when it is opened
    return refused


def is_inside(path: str, folder: str) -> bool:
    """Whether a real path is a folder or is in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def real_paths(folders: Iterable[Path]) -> tuple[str, ...]:
    """The real paths of some folders."""
    return tuple(os.path.realpath(folder) for folder in folders)


def _is_in_store(path: str) -> bool:
    return _ANNEX in path or _BY_CONTENT.match(os.path.basename(path)) is not None  # noqa: PTH119
