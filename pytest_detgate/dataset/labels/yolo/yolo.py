"""YOLO labels to tables: a text file for each image, `class cx cy width height` on each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted_of, with_count
from pytest_detgate.dataset.images.names import USUAL_SUFFIX, FileNames
from pytest_detgate.dataset.images.near_names import near_matches
from pytest_detgate.dataset.images.paths import suffix_of
from pytest_detgate.dataset.keys import key
from pytest_detgate.dataset.labels.label_folder import label_folder, other_labels
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import (
    ImageFolder,
    image_sizes,
    named,
    split_images,
    with_labels,
)
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.labels.yolo.class_names import class_names, key_numbers
from pytest_detgate.dataset.labels.yolo.yolo_lines import YoloBoxes, read_lines
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.errors import DataError

_SUFFIX = ".txt"
_IMAGES, _LABELS = "images", "labels"
_LARGEST = 2.0
"""Shares of an image are smaller, except those of a box far outside of it."""


def read_yolo(files: SplitFiles) -> Dataset:
    """Read a folder of YOLO labels; a line that is no box raises `DataError` with its place.

    An image without a label file is `unlabelled`; one with an empty file has nothing on it.
    """
    if not files.labels.is_dir() and not files.is_part:
        raise DataError(f"{files.labels}: no such folder of labels")
    classes, class_notes = class_names(files.labels, files.classes, files.stated_classes)
    folder = split_images(files, lambda name: is_side_file(name, "yolo"))
    own = set(map(_label_of, folder.rows))
    label_files = label_folder(files.labels, files, _SUFFIX, lambda name: _label_of(name) in own)
    labels = list(label_files.labels)
    images = with_labels(folder, labels, _images_of(folder, labels))
    gaps, notes = other_labels(label_files, folder, images)
    boxes, n_key = YoloBoxes(), key_numbers(files.labels, files.classes)
    contents: list[tuple[str, bytes]] = []
    for row, number in enumerate(images.label.tolist()):
        if number >= 0:
            label = labels[number]
            contents.append((label, read_bytes(files.labels / label)))
            read_lines(
                files.labels / label,
                label,
                contents[-1][1],
                row,
                boxes,
                n_key,
                allow_scores=files.allow_scores,
            )
    size, unreadable = image_sizes(files, images)
    shares = np.array(boxes.shares, dtype=np.float64).reshape(-1, 4)
    _require_shares(shares, boxes, files)
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
            shares=shares,
            crowd=np.zeros(len(shares), dtype=np.bool_),
            sha256=digest_of(contents),
            notes=(*class_notes, *images.notes, *notes, *_notes(boxes)),
            framed=boxes.framed,
            has_class_numbers=True,
            has_scores=bool(boxes.scored),
            gaps=(*images.gaps, *gaps, *unreadable),
        ),
    )


def _require_shares(shares: NDArray[np.float64], boxes: YoloBoxes, files: SplitFiles) -> None:
    """Raise `DataError` where most boxes are far larger than their image: they are no shares."""
    with np.errstate(invalid="ignore"):
        wrong = (shares[:, :2] + shares[:, 2:] / 2 > _LARGEST).any(axis=1)
        wrong |= (shares[:, 2:] > _LARGEST).any(axis=1)
    wrong &= np.isfinite(shares).all(axis=1)  # else `degenerate-boxes` names them
    n_wrong = int(np.count_nonzero(wrong))
    if n_wrong > len(shares) / 2:
        first = boxes.id[int(np.flatnonzero(wrong)[0])]
        raise DataError(
            f"{files.labels}: {counted_of(n_wrong, len(shares), 'box', 'have')} "
            f"numbers over {_LARGEST:g}, first {first}; YOLO labels are "
            "centre, width and height in shares of the image, and these look like pixels or per "
            "cent: divide them by its size"
        )


def _notes(boxes: YoloBoxes) -> Iterator[str]:
    if boxes.extra:
        yield with_count(
            len(boxes.extra),
            f"lines have a sixth column, which is not read, first {boxes.extra[0]}",
        )
    if boxes.posed:
        yield with_count(len(boxes.posed), "boxes have key points (kpt_shape), which are not read")


def _images_of(folder: ImageFolder, labels: list[str]) -> list[str | None]:
    """The image of each label file, which has its path without the suffix."""
    of_label: dict[str | None, str] = {}
    for name in folder.rows:
        label = _label_of(name)
        if label in of_label:
            raise DataError(
                f"{folder.files.labels / str(label)}: is the label file of both {of_label[label]} "
                f"and {name} in {folder.files.images}"
            )
        of_label[label] = name
    images = [of_label.get(_label_of(label)) for label in labels]
    # A list may write an image that is missing with any folders in front.
    plain = [PurePosixPath(label).with_suffix(_SUFFIX).as_posix() for label in labels]
    index = FileNames(plain)
    numbers = {label: number for number, label in enumerate(plain)}
    for name, is_there in folder.rows.items():
        if not is_there and _label_of(name) not in numbers:
            with named(folder.files.labels):
                label = index.find(PurePosixPath(name).with_suffix(_SUFFIX).as_posix())
            if label is not None and images[numbers[label]] is None:
                images[numbers[label]] = name
    if folder.files.match_near:
        _take_near_images(folder, labels, images)
    if folder.files.listed is None:
        there = set(map(_label_of, folder.index.names))
        for number, label in enumerate(labels):
            if images[number] is None and _label_of(label) not in there:
                images[number] = PurePosixPath(label).with_suffix(USUAL_SUFFIX).as_posix()
    return images


def _take_near_images(folder: ImageFolder, labels: list[str], images: list[str | None]) -> None:
    """Give labels without an image the one image with a near name that has no label."""
    taken = set(images)
    free = [name for name, is_there in folder.rows.items() if is_there and name not in taken]
    alone = [number for number, image in enumerate(images) if image is None]
    wanted = [
        PurePosixPath(labels[number]).with_suffix(USUAL_SUFFIX).as_posix() for number in alone
    ]
    for row, name in near_matches(wanted, free).items():
        images[alone[row]] = name


def _label_of(name: str) -> str | None:
    """The key of the label file of an image, or of a label file itself.

    As in Ultralytics, the last folder `images` of a path is `labels` for its label: folders of
    several splits may be below one.
    """
    *folders, last = f"{name.removesuffix(suffix_of(name))}{_SUFFIX}".split("/")
    for index in reversed(range(len(folders))):
        if folders[index] in (_IMAGES, _LABELS):
            folders[index] = _LABELS
            break
    return key("/".join((*folders, last)))
