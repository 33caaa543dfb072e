"""COCO result files to detection tables."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.reader import CocoCategory, category_ids
from pytest_detgate.dataset.coco.result_coverage import coverage_gaps
from pytest_detgate.dataset.coco.result_rows import Result, read_result_rows
from pytest_detgate.dataset.ids import Id, id_column, repeated, rows_of, shown_id
from pytest_detgate.dataset.keys import composed
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError, nearest

Rows = TypeVar("Rows")


class _ResultImage(msgspec.Struct, gc=False):
    id: Id | float
    file_name: str


class _NamedResults(msgspec.Struct, Generic[Rows]):
    """A result file wrapped in a COCO dictionary: it says what its ids mean."""

    annotations: Rows
    images: list[_ResultImage] | None = None
    categories: list[CocoCategory] | None = None


def read_results(
    path: Path, dataset: Dataset, detector_classes: Sequence[str] = ()
) -> DetectionTable:
    """Read the detections of a split or probe from a COCO result file.

    Where the file carries its own images and categories they are matched by file name and class
    name, and those that it does not list are gaps of the table; else its ids are those of the
    split's annotation file. `detector_classes` stand in for the classes of a split or probe that
    has none, as a folder. An image, a class, a box or a score that does not fit, and a key that
    occurs twice, raises `DataError` and is named; scores are between 0 and 1.
    """
    content = read_bytes(path)
    try:
        file = _file(content, msgspec.Raw, path)
        rows = read_result_rows(file.annotations, path)
    except DataError as error:
        # Decoding it in one go takes longer, and names the first mistake of the whole file.
        _file(content, list[Result], path)
        text = str(error)
        raise DataError(
            text.replace("`$.annotations", "`$") if _is_bare_list(as_utf8(content, path)) else text
        ) from None
    image, listed_images = _image_rows(path, rows.image_id, file.images, dataset)
    classes, category = _classes(path, rows.category_id, file.categories, dataset)
    xywh, score = rows.xywh, rows.score
    wrong = np.logical_or.reduce(~np.isfinite(xywh), axis=1)
    _refuse_first(path, wrong, lambda at: f"bbox {xywh[at].tolist()} is not finite")
    _refuse_first(
        path,
        np.logical_or.reduce(xywh[:, 2:] < 0, axis=1),
        lambda at: f"bbox {xywh[at].tolist()} has a negative width or height",
    )
    _refuse_first(path, ~np.isfinite(score), lambda at: f"score {score[at]} is not finite")
    _refuse_first(
        path, (score < 0) | (score > 1), lambda at: f"score {score[at]:g} is not between 0 and 1"
    )
    return DetectionTable(
        classes=classes,
        image=image,
        category=category,
        xywh=xywh,
        score=score,
        sha256=hashlib.sha256(content).hexdigest(),
        gaps=coverage_gaps(
            dataset,
            listed_images=listed_images,
            listed_classes=None if file.categories is None else classes,
            expected_classes=dataset.classes or detector_classes,
            detections=len(rows),
        ),
        notes=(_unlisted(path, content, image, dataset),)
        if listed_images is None and len(rows)
        else (),
    )


def read_result_classes(path: Path) -> tuple[str, ...]:
    """The class names that a result file carries; `DataError` where it carries none."""
    categories = _file(read_bytes(path), msgspec.Raw, path).categories
    if categories is None:
        raise DataError(
            f"{path}: carries no class names, only ids; add a `categories` list with names"
        )
    return tuple(category.name for category in categories)


def _file(content: bytes, kind: type[Rows], path: Path) -> _NamedResults[Rows]:
    """The file, be it a plain list or a dictionary, with its detections as a `kind`."""
    content = as_utf8(content, path)
    if _is_bare_list(content):
        return _NamedResults(annotations=decode_json(content, kind, path))
    named: type[_NamedResults[Rows]] = _NamedResults[kind]  # type: ignore[valid-type]
    if kind is not msgspec.Raw:
        return decode_json(content, named, path)
    return decode_json(content, named, path, lambda file: [file.annotations])  # type: ignore[list-item]


def _unlisted(path: Path, content: bytes, image: NDArray[np.int64], dataset: Dataset) -> str:
    """What a reader must know of a file that does not say which images it covers."""
    what = "is a bare list" if _is_bare_list(as_utf8(content, path)) else "does not list its images"
    total = len(dataset.images)
    without = total - len(np.unique(image))
    return (
        f"{path} {what}: images without rows count as images without detections "
        f"({without:,} of {total:,})"
    )


def _is_bare_list(content: bytes) -> bool:
    return content.lstrip()[:1] == b"["


def _image_rows(
    path: Path, wanted: NDArray[Any], listed: list[_ResultImage] | None, dataset: Dataset
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """The image row of each detection, and the rows that the file lists, where it has a list."""
    if listed is not None:
        return _rows_by_file_name(path, wanted, listed, dataset)
    twice = repeated(dataset.images.id)
    if twice:
        raise DataError(
            f"{path}: image id {twice[0]!r} stands for several images of {dataset.name}; "
            "add an `images` list with file names to the result file"
        )
    rows = rows_of(wanted, dataset.images.id)
    if dataset.annotations is None and len(rows) and (rows == UNLISTED).all():
        raise DataError(
            f"{path}: {dataset.name} is a folder, so its images have no ids; add an `images` list "
            "with file names, or use the file name as image_id"
        )
    _refuse_first(
        path,
        rows == UNLISTED,
        lambda at: f"image_id {shown_id(wanted, at)} is not an image of {dataset.name}",
    )
    return rows, None


def _rows_by_file_name(
    path: Path, wanted: NDArray[Any], listed: list[_ResultImage], dataset: Dataset
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    names = dataset.images.file_name
    if repeated(names):
        raise DataError(
            f"{path}: cannot be matched by file name: {dataset.name} lists "
            f"{repeated(names)[0]!r} more than once"
        )
    listed_id = id_column([image.id for image in listed])
    if repeated(listed_id):
        raise DataError(f"{path}: image id {repeated(listed_id)[0]!r} is used twice")
    listed_name = id_column([image.file_name for image in listed])
    row_of_listed = rows_of(listed_name, names)
    place = rows_of(wanted, listed_id)
    _refuse_first(
        path,
        place == UNLISTED,
        lambda at: f"image_id {shown_id(wanted, at)} is not among its images",
    )
    rows = row_of_listed[place]
    _refuse_first(
        path,
        rows == UNLISTED,
        lambda at: (
            f"{listed[place[at]].file_name!r} is not an image of {dataset.name}"
            + nearest(listed[place[at]].file_name, names.tolist())
        ),
    )
    return rows, row_of_listed[row_of_listed != UNLISTED]


def _classes(
    path: Path,
    wanted: NDArray[Any],
    listed: list[CocoCategory] | None,
    dataset: Dataset,
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names and, for each detection, the index of its class in them."""
    if listed is None and not dataset.category_id and len(wanted):
        raise DataError(
            f"{path}: {dataset.name} has no annotation file, so a category_id has no meaning; "
            "add a `categories` list with names to the result file"
        )
    if listed is None:
        ids, names = id_column(dataset.category_id), dataset.classes
    else:
        ids = category_ids(listed, path)
        names = composed(category.name for category in listed)
        _refuse_unknown_classes(path, names, dataset)
    if repeated(ids):
        raise DataError(f"{path}: category id {repeated(ids)[0]!r} is used twice")
    if len(set(names)) < len(names):
        raise DataError(f"{path}: {_first_repeated(names)!r} names more than one category")
    category = rows_of(wanted, ids)
    _refuse_first(
        path,
        category == UNLISTED,
        lambda at: (
            f"category_id {shown_id(wanted, at)} is not a category of "
            + (dataset.name if listed is None else "the file")
        ),
    )
    return names, category


def _refuse_unknown_classes(path: Path, names: Sequence[str], dataset: Dataset) -> None:
    if not dataset.classes:
        return
    for name in names:
        if name not in dataset.classes:
            raise DataError(
                f"{path}: class {name!r} is not a class of {dataset.name}"
                f"{nearest(name, dataset.classes)} (its classes: {', '.join(dataset.classes)})"
            )


def _first_repeated(names: Sequence[str]) -> str:
    return next(name for at, name in enumerate(names) if name in names[:at])


def _refuse_first(path: Path, wrong: NDArray[np.bool_], say: Any) -> None:
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        more = int(np.count_nonzero(wrong)) - 1
        others = f" (and {more} more)" if more else ""
        raise DataError(f"{path}: detection {at}: {say(at)}{others}")
