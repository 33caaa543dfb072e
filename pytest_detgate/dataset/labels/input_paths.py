"""What is read, so that no output is written over it or in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.dataset.images.paths import suffix_of
from pytest_detgate.dataset.labels.formats import LISTS_IMAGES
from pytest_detgate.dataset.labels.side_files import is_beside_labels, is_of_the_gate, is_side_file
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.errors import ConfigError
from pytest_detgate.regular_file import real_path

_SUFFIX_OF_LABELS = {"yolo": ".txt", "voc": ".xml", "labelme": ".json", "kitti": ".txt"}


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder whose files are all read as `what`, except those that `is_expected` by their path in
    it."""

    path: Path
    what: str
    is_expected: Callable[[str], bool]


class InputPaths:
    """Files, and folders of which every file counts as an image or a label."""

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}
        self._folders: list[_Folder] = []

    def add_file(self, path: Path, what: str) -> None:
        """Add a file; `what` says what it is read as."""
        self._files.setdefault(real_path(path), what)

    def add_images(
        self, folder: Path, is_expected: Callable[[str], bool] = lambda name: False
    ) -> None:
        """Add a folder of which all files are images; others are named, except those that are
        expected beside images."""
        self._folders.append(_Folder(real_path(folder), "images", is_expected))

    def add_labels(self, files: SplitFiles, kind: str) -> None:
        """Add the labels of a format, and its images where they are those of a folder."""
        if files.labels.is_dir():
            self._add_label_folder(files, kind)
        else:
            self.add_file(files.labels, f"the annotations of {files.name}")
        for path, what in ((files.classes, "the class names"), (files.listed, "the list")):
            if path is not None:
                self.add_file(path, f"{what} of {files.name}")
        if kind not in LISTS_IMAGES and files.listed is None and not files.allow_other_files:
            self.add_images(files.images, lambda name: is_side_file(name, kind))

    def _add_label_folder(self, files: SplitFiles, kind: str) -> None:
        if files.listed is not None or kind not in _SUFFIX_OF_LABELS:
            return  # anything may be there: other labels, or no labels, which the rules say

        def is_expected(name: str) -> bool:
            suffix = _SUFFIX_OF_LABELS[kind]
            if is_of_the_gate(name):
                return files.allow_other_files
            return suffix_of(name).lower() != suffix and (
                files.allow_other_files or is_beside_labels(name, suffix)
            )

        self._folders.append(_Folder(real_path(files.labels), "labels", is_expected))

    def refuse(self, output: Path, option: str, wanted: str = "file") -> None:
        """Raise `ConfigError` for an output that is one of the files, or would be read as a file of
        one of the folders; the `option` names it, and takes a `wanted`."""
        path = real_path(output)
        if path in self._files:
            raise ConfigError(
                f"{option}: {_shown(output)} is read, as {self._files[path]}; name another {wanted}"
            )
        for folder in self._folders:
            if not path.is_relative_to(folder.path):
                continue
            if not folder.is_expected(path.relative_to(folder.path).as_posix()):
                raise ConfigError(
                    f"{option}: {_shown(output)} is in {_shown(folder.path)}, whose files are "
                    f"all read as {folder.what}; name a {wanted} elsewhere"
                )


def _shown(path: Path) -> str:
    """A path from here on, if it is below."""
    relative = Path(os.path.relpath(real_path(path)))
    return str(path) if ".." in relative.parts else relative.as_posix()
