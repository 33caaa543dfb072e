"""What a first `detgate.toml` is to say, before it is text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_detgate.config.probe_checks import LISTING
from pytest_detgate.first_config.layouts.splits import FoundSplit


@dataclass(slots=True, kw_only=True)
class Table:
    """A table of the file: its values, each with the reason for it, and the reason for the table.

    A value that is a `Table` is written as a table below it. `notes` are comments above it.
    """

    why: str
    values: dict[str, tuple[Any, str]] = field(default_factory=dict)
    below: dict[str, Table] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """The table as TOML reads it."""
        plain = {key: value for key, (value, _) in self.values.items()}
        return plain | {key: table.plain() for key, table in self.below.items()}


class Paths:
    """Paths as `detgate.toml` in a folder names them: relative where the user named them so, or
    where they are below the folder."""

    def __init__(self, folder: Path, *, is_relative: bool) -> None:
        self._folder = folder
        self._is_relative = is_relative

    def text(self, path: Path) -> str:
        """A path as it is written."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 (links stay as they are)
        if self._is_relative or absolute.is_relative_to(self._folder):
            return Path(os.path.relpath(absolute, self._folder)).as_posix()
        return absolute.as_posix()

    def are_below(self, folder: Path) -> bool:
        """Whether `detgate.toml`, and the report beside it, are in a folder of the data."""
        return self._folder.is_relative_to(Path(os.path.abspath(folder)))  # noqa: PTH100


_FORMAT = {
    "yolo": "a line for each box: class and centre",
    "voc": "an XML file for each image",
    "labelme": "a JSON file for each image",
    "kitti": "a text file for each image",
    "cvat": "an XML file that lists its images",
    "labelstudio": "the JSON export of a project",
    "scalabel": "a JSON file that lists its frames",
    "datumaro": "the JSON file of a subset",
    "openimages": "a CSV file with a box on each line",
}
_ANNOTATIONS = {
    "coco": "COCO file of the split",
    "yolo": "folder with a text file for each image",
    "voc": "folder of the XML files",
    "labelme": "folder of the JSON files",
    "kitti": "folder with a text file for each image",
    **dict.fromkeys(
        ("cvat", "labelstudio", "scalabel", "datumaro", "openimages"), "file of the split"
    ),
}


def split_table(
    split: FoundSplit, paths: Paths, *, allows_others: str | None, has_scores: bool
) -> Table:
    """The table of a split. `allows_others` says which files are left out, if some are,
    `has_scores` that its labels have scores."""
    table = Table(why="")
    if split.data is not None:
        table.values["data"] = (paths.text(split.data), f"its `{split.name}` names the images")
    else:
        table.values |= _files(split, paths)
        if allows_others is None and paths.are_below(split.images):
            allows_others = "detgate.toml and its report lie there, too"
    if allows_others is not None and split.format in LISTING and split.listed is None:
        table.values["allow-other-files"] = (True, allows_others)
    if has_scores:
        table.values["scored-labels"] = (True, "their scores make them no detections")
    return table


def _files(split: FoundSplit, paths: Paths) -> dict[str, tuple[Any, str]]:
    """The files and folders of a split, each with what it is."""
    values: dict[str, tuple[Any, str]] = {}
    if split.format != "coco":
        values["format"] = (split.format, _FORMAT[split.format])
    values["annotations"] = (paths.text(split.annotations), _ANNOTATIONS[split.format])
    values["images"] = (paths.text(split.images), "folder that file names are relative to")
    if split.classes is not None:
        values["classes"] = (paths.text(split.classes), "names of the classes")
    if split.subset is not None:
        values["subset"] = (split.subset, "the images of the file that are this split")
    if split.listed is not None:
        values["list"] = (paths.text(split.listed), "names the images of the split")
    return values


def document_of(tables: Iterable[tuple[tuple[str, ...], Table]]) -> dict[str, Any]:
    """Tables by their keys as one document."""
    document: dict[str, Any] = {}
    for keys, table in tables:
        parent = document
        for key in keys[:-1]:
            parent = parent.setdefault(key, {})
        parent[keys[-1]] = table.plain() | parent.get(keys[-1], {})
    return document
