"""YOLO labels to tables: a text file for each picture, `class cx cy width height` on each line.

Read here, as `hotcoco.COCO.from_yolo` needs a `data.yaml` among the labels, refuses a label file
without a picture, and passes over a picture without a label file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from pytest_detgate.dataset.class_names import class_names
from pytest_detgate.dataset.labelled import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.pictures_of_split import (
    USUAL_SUFFIX,
    PictureFolder,
    picture_sizes,
    pictures_of_split,
)
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.dataset.text_file import as_utf8, read_bytes
from pytest_detgate.errors import DataError

_NOT_LABELS = frozenset({"classes.txt"})


@dataclass(slots=True)
class _Boxes:
    """Boxes in shares of their image's size, row by row."""

    id: list[str] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    shares: list[tuple[float, ...]] = field(default_factory=list)


def read_yolo(files: SplitFiles) -> Dataset:
    """Read a folder of YOLO labels; a line that is no box raises `DataError` with its place.

    A picture without a label file is `unlabelled`; one with an empty file has nothing on it.
    """
    if not files.labels.is_dir():
        raise DataError(f"{files.labels}: no such folder of labels")
    classes = class_names(files.labels, files.classes)
    folder = PictureFolder(files.images)
    names = pictures_of_split(folder, files.listed)
    label_of = {PurePosixPath(name).with_suffix(".txt").as_posix(): name for name in names}
    _refuse_shared_labels(files, names, label_of)
    there = set(_label_files(files))
    strays = sorted(there - set(label_of)) if files.listed is None else []
    for stray in strays:
        label_of[stray] = PurePosixPath(stray).with_suffix(USUAL_SUFFIX).as_posix()
    boxes = _Boxes()
    contents: list[tuple[str, bytes]] = []
    for row, label in enumerate(label_of):
        if label in there:
            contents.append((label, read_bytes(files.labels / label)))
            _read_label(files.labels / label, label, contents[-1][1], row, boxes)
    size = picture_sizes(files.images, list(label_of.values()), files.image_options)
    image = np.array(boxes.image, dtype=np.int64)
    number = np.array(boxes.number, dtype=np.int64)
    shares = np.array(boxes.shares, dtype=np.float64).reshape(-1, 4)
    scale = np.tile(size, 2)[image]
    xywh = np.concatenate([shares[:, :2] - shares[:, 2:] / 2, shares[:, 2:]], axis=1) * scale
    unreadable = int(np.isnan(size[np.unique(image)]).any(axis=1).sum())
    notes = [
        (strays, f"{len(strays)} label files have no picture, first {next(iter(strays), '')}"),
        (unreadable, f"{unreadable} pictures cannot be read, so their boxes have no pixels"),
    ]
    return labelled_dataset(
        files,
        Labels(
            file_name=list(label_of.values()),
            size=size,
            unlabelled=np.array([label not in there for label in label_of], dtype=np.bool_),
            classes=classes,
            category_id=tuple(range(len(classes))),
            box_id=boxes.id,
            box_category_id=boxes.number,
            image=image,
            category=np.where((number >= 0) & (number < len(classes)), number, UNLISTED),
            xywh=xywh,
            crowd=np.zeros(len(xywh), dtype=np.bool_),
            sha256=digest_of(contents),
            notes=tuple(text for wanted, text in notes if wanted),
        ),
    )


def _label_files(files: SplitFiles) -> Iterator[str]:
    for path in files.labels.rglob("*.txt"):
        if path.name not in _NOT_LABELS and path not in (files.classes, files.listed):
            yield path.relative_to(files.labels).as_posix()


def _refuse_shared_labels(files: SplitFiles, names: list[str], label_of: dict[str, str]) -> None:
    if len(label_of) == len(names):
        return
    for name in names:
        label = PurePosixPath(name).with_suffix(".txt").as_posix()
        if label_of[label] != name:
            raise DataError(
                f"{files.labels / label}: is the label file of both {name} and {label_of[label]} "
                f"in {files.images}"
            )


def _read_label(path: Path, label: str, content: bytes, image: int, boxes: _Boxes) -> None:
    for at, line in enumerate(as_utf8(content, path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 5:
            raise DataError(
                f"{path}: line {at}: expected a class number and four numbers, found "
                f"{len(words)} words"
            )
        try:
            boxes.number.append(int(words[0]))
            boxes.shares.append(tuple(map(float, words[1:])))
        except ValueError:
            shown = line.decode("utf-8", "replace").strip()[:80]
            raise DataError(
                f"{path}: line {at}: expected a class number and four numbers, found {shown!r}"
            ) from None
        boxes.image.append(image)
        boxes.id.append(f"{label}:{at}")
