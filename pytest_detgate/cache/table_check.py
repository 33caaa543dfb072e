"""Validation of cached tables: could an annotation file have these contents?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.reader import gaps_of, notes_of
from pytest_detgate.dataset.ids import id_column, rows_of
from pytest_detgate.dataset.images.inside import leaving_rows
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable


def is_possible(dataset: Dataset) -> bool:
    """Return whether all columns have the types and lengths that the reader of COCO files makes,
    refer to each other correctly, and name no file outside of the images folder."""
    images, boxes = dataset.images, dataset.boxes
    if not (_are_images(images) and _are_boxes(boxes)):
        return False
    if len(dataset.category_id) != len(dataset.classes):
        return False
    if len(dataset.supercategories) != len(dataset.classes):
        return False
    if leaving_rows(images.file_name):
        return False
    notes = tuple(notes_of(images, boxes, dataset.gaps))
    # Columns that follow from others are computed again.
    return (
        np.array_equal(boxes.image, rows_of(boxes.image_id, images.id))
        and np.array_equal(boxes.category, rows_of(boxes.category_id, _ids(dataset.category_id)))
        and tuple(gaps_of(images, boxes, dataset.category_id, dataset.classes)) == dataset.gaps
        # A note before them is about boxes that the file does not have.
        and dataset.notes[-len(notes) or len(dataset.notes) :] == notes
        and len(dataset.notes) <= len(notes) + 1
    )


def _are_images(images: ImageTable) -> bool:
    n = len(images.id)
    return (
        _is_id_column(images.id, n)
        and images.file_name.shape == (n,)
        and _are_names(images.file_name.tolist())
        and all(_is_column(size, "<f8", (n,)) for size in (images.width, images.height))
        and _are_unlabelled(images)
        and all(_is_column(column, "|O", (n,)) for column in images.fields.values())
    )


def _are_names(names: list[Any]) -> bool:
    return set(map(type, names)) <= {str} and all(names)


def _are_unlabelled(images: ImageTable) -> bool:
    """Return whether the column is missing, or calls every image unlabelled."""
    column = images.unlabelled
    return column is None or (_is_column(column, "|b1", (len(images.id),)) and bool(column.all()))


def _are_boxes(boxes: BoxTable) -> bool:
    n = len(boxes.image)
    ids = (boxes.id, boxes.image_id, boxes.category_id)
    return (
        all(_is_id_column(column, n) for column in ids)
        and all(_is_column(column, "<i8", (n,)) for column in (boxes.image, boxes.category))
        and _is_column(boxes.xywh, "<f8", (n, 4))
        and _is_column(boxes.area, "<f8", (n,))
        and _is_column(boxes.crowd, "|b1", (n,))
    )


def _is_column(column: NDArray[Any], kind: str, shape: tuple[int, ...]) -> bool:
    return column.dtype == np.dtype(kind) and column.shape == shape


def _is_id_column(column: NDArray[Any], length: int) -> bool:
    if column.dtype == np.int64:
        return column.shape == (length,)
    return _is_column(column, "|O", (length,)) and all(
        value is None or (isinstance(value, (int, str)) and not isinstance(value, bool))
        for value in column.tolist()
    )


def _ids(values: tuple[int | str, ...]) -> NDArray[Any]:
    return id_column(list(values))
