"""YOLO labels to tables: a text file for each image, `class cx cy width height` on each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from pytest_detgate.dataset.images.folder_files import folder_files, is_left_behind
from pytest_detgate.dataset.images.names import USUAL_SUFFIX, FileNames
from pytest_detgate.dataset.keys import key
from pytest_detgate.dataset.labels.class_names import class_names
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import (
    ImageFolder,
    image_sizes,
    named,
    split_images,
    with_labels,
)
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError

_SUFFIX = ".txt"
# No data set has so many classes.
_MOST_DIGITS = 9


@dataclass(slots=True)
class _Boxes:
    """Boxes in shares of their image's size, row by row."""

    id: list[str] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    shares: list[tuple[float, ...]] = field(default_factory=list)


def read_yolo(files: SplitFiles) -> Dataset:
    """Read a folder of YOLO labels; a line that is no box raises `DataError` with its place.

    An image without a label file is `unlabelled`; one with an empty file has nothing on it.
    """
    labels = _label_files(files)
    classes = class_names(files.labels, files.classes)
    if not labels:
        raise DataError(
            f"{files.labels}: no label files ({_SUFFIX}) in this folder; is it the right one?"
        )
    folder = split_images(files, lambda name: is_side_file(name, "yolo"))
    images = with_labels(folder, labels, _images_of(folder, labels))
    boxes = _Boxes()
    contents: list[tuple[str, bytes]] = []
    for row, number in enumerate(images.label.tolist()):
        if number >= 0:
            label = labels[number]
            contents.append((label, read_bytes(files.labels / label)))
            _read_label(files.labels / label, label, contents[-1][1], row, boxes)
    size, unreadable = image_sizes(files, images)
    number = np.array(boxes.number, dtype=np.int64)
    centres = np.array(boxes.shares, dtype=np.float64).reshape(-1, 4)
    shares = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, 2:]], axis=1)
    return labelled_dataset(
        files,
        Labels(
            file_name=images.names,
            size=size,
            unlabelled=images.unlabelled,
            is_there=images.is_there,
            classes=classes,
            category_id=tuple(range(len(classes))),
            box_id=boxes.id,
            box_category_id=boxes.number,
            image=np.array(boxes.image, dtype=np.int64),
            category=np.where((number >= 0) & (number < len(classes)), number, UNLISTED),
            shares=shares,
            crowd=np.zeros(len(shares), dtype=np.bool_),
            sha256=digest_of(contents),
            notes=images.notes,
            gaps=(*images.gaps, *unreadable),
        ),
    )


def _label_files(files: SplitFiles) -> list[str]:
    if not files.labels.is_dir():
        raise DataError(f"{files.labels}: no such folder of labels")
    found = folder_files(files.labels, files.image_options)
    if found.not_listed:
        raise DataError(
            f"{files.labels}: folders of labels were not looked into: {', '.join(found.not_listed)}"
        )
    own = {path for path in (files.classes, files.listed) if path is not None}
    return [
        name
        for name in found.files
        if name.endswith(_SUFFIX)
        and not is_left_behind(PurePosixPath(name).name)
        and not is_side_file(name, "text")
        and files.labels / name not in own
    ]


def _images_of(folder: ImageFolder, labels: list[str]) -> list[str | None]:
    """The image of each label file, which has its path but for the suffix."""
    of_label: dict[str | None, str] = {}
    for name in folder.rows:
        label = _label_of(name)
        if label in of_label:
            raise DataError(
                f"{folder.files.labels / str(label)}: is the label file of both {of_label[label]} "
                f"and {name} in {folder.files.images}"
            )
        of_label[label] = name
    images = [of_label.get(key(label)) for label in labels]
    # A list may write an image that is missing with any folders in front.
    index = FileNames(labels)
    place = {label: number for number, label in enumerate(labels)}
    for name, is_there in folder.rows.items():
        if not is_there and _label_of(name) not in place:
            with named(folder.files.labels):
                label = index.find(PurePosixPath(name).with_suffix(_SUFFIX).as_posix())
            if label is not None and images[place[label]] is None:
                images[place[label]] = name
    if folder.files.listed is None:
        there = set(map(_label_of, folder.index.names))
        for number, label in enumerate(labels):
            if images[number] is None and key(label) not in there:
                images[number] = PurePosixPath(label).with_suffix(USUAL_SUFFIX).as_posix()
    return images


def _label_of(image: str) -> str | None:
    return key(PurePosixPath(image).with_suffix(_SUFFIX).as_posix())


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
            boxes.number.append(_number(words[0]))
            boxes.shares.append(tuple(map(float, words[1:])))
        except ValueError:
            shown = line.decode("utf-8", "replace").strip()[:80]
            raise DataError(
                f"{path}: line {at}: expected a class number and four numbers, found {shown!r}"
            ) from None
        boxes.image.append(image)
        boxes.id.append(f"{label}:{at}")


def _number(word: bytes) -> int:
    if b"_" in word or len(word) > _MOST_DIGITS:  # Python reads 1_0 as 10
        raise ValueError
    return int(word)
