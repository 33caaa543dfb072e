"""A part of labels as a file of the same format.

Where the format has a file for each image, or a list says which images a split has, labels stay
where they are and a part is a list of images, as the format itself knows it: `train.txt`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from xml.etree.ElementTree import tostring

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.names import FileNames, names_of_lines
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.dataset.text.xml import parse_xml
from pytest_detgate.errors import DataError
from pytest_detgate.printable import is_unicode, printable
from pytest_detgate.splitting.json_text import entries_of, join_entries, table_of, table_text


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The chosen images of a data set, by their `rows` (n,)."""

    dataset: Dataset
    rows: NDArray[np.int64]

    @property
    def names(self) -> list[str]:
        """Their file names."""
        return list(self.dataset.images.file_name[self.rows].tolist())

    @property
    def source(self) -> Path:
        """The file or folder of the labels."""
        assert self.dataset.annotations is not None
        return self.dataset.annotations


FileWriter: TypeAlias = Callable[[Sequence[Chosen], Path], bytes]
"""The content of the file of chosen images, which will be at a path."""


def writer_of(kind: str) -> FileWriter:
    """Return what writes a part in a format."""
    return _WRITERS[kind]


def merges(kind: str) -> bool:
    """Whether one file of the format can hold images of several sources."""
    return _WRITERS[kind] is _list_of_paths


def _list_of_paths(parts: Sequence[Chosen], path: Path) -> bytes:
    """Paths from the folder of the list on, as training tools for YOLO read them."""
    return _lines([line for part in parts for line in _paths(part, path)])


def _paths(part: Chosen, path: Path) -> list[str]:
    images = Path(os.path.relpath(part.dataset.images_dir, path.parent)).as_posix()
    lines = [f"./{PurePosixPath(images, name).as_posix()}" for name in part.names]
    for name, line in zip(part.names, lines, strict=True):
        if not _is_a_line(line):
            raise _no_line(name)
    return lines


def _list_of_names(parts: Sequence[Chosen], path: Path) -> bytes:
    """File names without suffix, as lists of Pascal VOC have them, where that is no other image."""
    (part,) = parts
    index = FileNames(part.dataset.images.file_name.tolist())
    return _lines([_name_in_list(name, index) for name in part.names])


def _name_in_list(name: str, index: FileNames) -> str:
    """Return the shortest text that the reader of a list takes for this image and no other."""
    for text in (str(PurePosixPath(name).with_suffix("")), name):
        # A suffix that is left may be that of another image.
        if _is_a_line(text) and index.find_only(text) == name:
            return text
    raise _no_line(name)


def _is_a_line(text: str) -> bool:
    """Whether a list gives back a text that is a line of it."""
    return is_unicode(text) and names_of_lines(text) == [text]


def _no_line(name: str) -> DataError:
    return DataError(
        f"{printable(name)}: a list of images cannot hold this file name; rename the image, or "
        "write COCO files with --to-coco"
    )


def _lines(names: list[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _json_file(key: str, parts: Sequence[Chosen], path: Path) -> bytes:
    """The file with only the chosen entries, their text as it was; all else in it stays.

    Its entries are a list, or the value of `key`.
    """
    (part,) = parts
    content = as_utf8(read_bytes(part.source), part.source)
    if content.lstrip()[:1] == b"[":
        return join_entries(_of_rows(entries_of(content), part)) + b"\n"
    table = table_of(content)
    table[key] = msgspec.Raw(join_entries(_of_rows(entries_of(bytes(table[key])), part)))
    return table_text(table)


def _of_rows(entries: Sequence[msgspec.Raw], part: Chosen) -> list[msgspec.Raw]:
    """The readers of these formats make one row of each entry."""
    assert len(entries) == len(part.dataset.images)
    return [entries[row] for row in part.rows.tolist()]


def _cvat_file(parts: Sequence[Chosen], path: Path) -> bytes:
    """The file with only the chosen images; all else in it stays."""
    (part,) = parts
    root = parse_xml(read_bytes(part.source), "annotations", part.source)
    images = root.findall("image")
    if len(images) != len(part.dataset.images):  # the others are frames of tracks
        raise DataError(
            f"{part.source}: split does not write the tracks of CVAT for video; --to-coco writes "
            "COCO files of them, or export the task as CVAT for images"
        )
    chosen = set(part.rows.tolist())
    for row, image in enumerate(images):
        if row not in chosen:
            root.remove(image)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


_WRITERS: Mapping[str, FileWriter] = {
    "yolo": _list_of_paths,
    "voc": _list_of_names,
    "openimages": _list_of_names,
    "labelme": _list_of_names,
    "kitti": _list_of_names,
    "cvat": _cvat_file,
    "labelstudio": partial(_json_file, ""),
    "scalabel": partial(_json_file, "frames"),
    "datumaro": partial(_json_file, "items"),
}
