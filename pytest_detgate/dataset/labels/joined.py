"""Several data sets of one class list as one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.annotation_gaps import annotation_gaps
from pytest_detgate.dataset.labels.tables import digest_of
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable, object_column
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import ODD_ANNOTATIONS, Gap, GapKind
from pytest_detgate.regular_file import real_path

_IN_LABELS: frozenset[GapKind] = frozenset({"labels-without-image", "other-labels"})
"""Kinds of gaps whose examples are files among the labels."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A data set, the folders of its images and labels in the whole, and the number of images
    before its `first`."""

    dataset: Dataset
    images: str
    labels: str
    first: int


def joined_dataset(datasets: Sequence[Dataset], where: str) -> Dataset:
    """Return the images and boxes of all data sets, whose labels are folders and have numbers of
    one list of classes. File names start from the folder that all images are below.

    A folder without images, an image that two of them have, and images of which none has a label,
    raise `DataError`, which begins with `where`.
    """
    for dataset in datasets:
        if not len(dataset.images):
            raise DataError(f"{where}: {dataset.images_dir} has no images")
    images_dir, labels_dir = (
        Path(os.path.commonpath(folders))
        for folders in (
            [dataset.images_dir for dataset in datasets],
            [_labels(dataset) for dataset in datasets],
        )
    )
    parts = [
        _Part(
            dataset,
            _inside(dataset.images_dir, images_dir),
            _inside(_labels(dataset), labels_dir),
            sum(len(earlier.images) for earlier in datasets[:number]),
        )
        for number, dataset in enumerate(datasets)
    ]
    names = [_named(name, part.images) for part in parts for name in _names(part.dataset)]
    _require_once(names, images_dir, where)
    unlabelled = _column(parts, lambda part: _unlabelled(part.dataset))
    if unlabelled.all():
        raise DataError(
            f"{where}: none of its {counted(len(names), 'image')} has a label; are these the right "
            "folders?"
        )
    file_name = object_column(names)
    boxes = _boxes(parts, file_name)
    first = datasets[0]
    return Dataset(
        name=first.name,
        images_dir=images_dir,
        images=ImageTable(
            id=file_name.copy(),
            file_name=file_name,
            width=_column(parts, lambda part: part.dataset.images.width),
            height=_column(parts, lambda part: part.dataset.images.height),
            fields={name: _field(parts, name) for name in first.images.fields},
            unlabelled=unlabelled,
        ),
        boxes=boxes,
        classes=first.classes,
        category_id=first.category_id,
        has_class_list=first.has_class_list,
        has_class_numbers=first.has_class_numbers,
        has_scores=any(dataset.has_scores for dataset in datasets),
        known_fields=first.known_fields,
        annotations=labels_dir,
        sha256=digest_of((part.labels, (part.dataset.sha256 or "").encode()) for part in parts),
        notes=tuple(dict.fromkeys(note for dataset in datasets for note in dataset.notes)),
        gaps=(*_gaps(parts), *annotation_gaps(boxes, (), first.category_id)),
        image_options=first.image_options,
    )


def _boxes(parts: Sequence[_Part], file_name: NDArray[np.object_]) -> BoxTable:
    image = _column(parts, lambda part: part.dataset.boxes.image + part.first)
    return BoxTable(
        id=object_column(
            [_named(own, part.labels) for part in parts for own in part.dataset.boxes.id.tolist()]
        ),
        image_id=file_name[image],
        category_id=_column(parts, lambda part: part.dataset.boxes.category_id),
        image=image,
        category=_column(parts, lambda part: part.dataset.boxes.category),
        xywh=_column(parts, lambda part: part.dataset.boxes.xywh),
        area=_column(parts, lambda part: part.dataset.boxes.area),
        crowd=_column(parts, lambda part: part.dataset.boxes.crowd),
        shares=_column(parts, lambda part: part.dataset.boxes.shares),
    )


def _gaps(parts: Sequence[_Part]) -> Iterator[Gap]:
    for part in parts:
        for gap in part.dataset.gaps:
            if gap.kind in ODD_ANNOTATIONS:
                continue  # which follow from the boxes
            folder = part.labels if gap.kind in _IN_LABELS else part.images
            yield msgspec.structs.replace(
                gap,
                examples=tuple(_named(example, folder) for example in gap.examples),
                rows=tuple(row + part.first for row in gap.rows),
            )


def _column(parts: Sequence[_Part], of: Callable[[_Part], Any]) -> NDArray[Any]:
    return np.concatenate([of(part) for part in parts])


def _field(parts: Sequence[_Part], name: str) -> NDArray[np.object_]:
    return _column(parts, lambda part: part.dataset.images.fields[name])


def _names(dataset: Dataset) -> list[str]:
    names: list[str] = dataset.images.file_name.tolist()
    return names


def _unlabelled(dataset: Dataset) -> NDArray[np.bool_]:
    of_images = dataset.images.unlabelled
    return np.zeros(len(dataset.images), dtype=np.bool_) if of_images is None else of_images


def _labels(dataset: Dataset) -> Path:
    assert dataset.annotations is not None
    return dataset.annotations


def _inside(folder: Path, root: Path) -> str:
    relative = folder.relative_to(root).as_posix()
    return "" if relative == "." else relative


def _named(name: str, folder: str) -> str:
    return PurePosixPath(folder, name).as_posix() if folder else name


def _require_once(names: Sequence[str], root: Path, where: str) -> None:
    seen: set[Path] = set()
    for name in names:
        path = real_path(root / name)
        if path in seen:
            raise DataError(
                f"{where}: the image {root / name} is in several of its folders and lists; name it "
                "once"
            )
        seen.add(path)
