"""The three wide tables of a split or probe: images, annotations and detections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.frames import whole_number
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable, object_column
from pytest_detgate.expectations.wide_tables.fields import (
    NO_FIELDS,
    Column,
    FieldSource,
    typed_column,
)
from pytest_detgate.expectations.wide_tables.wide_table import (
    COUNTS,
    OF_IMAGE,
    Makers,
    TableName,
    WideTable,
)


def image_table(
    dataset: Dataset,
    groups: Mapping[str, Callable[[], Sequence[str | None]]] = MappingProxyType({}),
    fields: FieldSource = NO_FIELDS,
    clip_field: str | None = None,
) -> WideTable:
    """The table of the images of a split or probe.

    `groups` give columns of the groups of a pattern in the file names, `clip_field` names the field
    that is the column `clip` where no pattern gives it.
    """
    images = dataset.images
    makers: Makers = {
        "split": lambda: _constant(dataset.name, len(images)),
        "id": lambda: images.id,
        "file_name": lambda: images.file_name,
        "width": lambda: images.width,
        "height": lambda: images.height,
        "aspect": lambda: _ratio(images.width, images.height),
        "boxes": dataset.boxes_by_image,
        "empty": lambda: _empty(dataset),
    }
    for group, texts in groups.items():
        makers.setdefault(group, partial(_group_column, group, texts))
    if clip_field is not None:
        makers.setdefault("clip", lambda: _field(fields, clip_field, len(images)))
    for number, name in enumerate(dataset.classes):
        makers.setdefault(f"{COUNTS}{name}", partial(_count, dataset, number))
    return WideTable(
        name="images",
        dataset=dataset.name,
        makers=makers,
        image=images.file_name,
        fields=(fields,),
    )


def annotation_table(
    dataset: Dataset, images: WideTable, fields: FieldSource = NO_FIELDS
) -> WideTable:
    """The table of the annotations; `images` is that of their images."""
    boxes = dataset.boxes
    label = _named(object_column(dataset.classes), boxes.category)
    sizes = _sizes(dataset, boxes.image)
    own: Makers = {
        "id": lambda: boxes.id,
        "image_id": lambda: boxes.image_id,
        **_label_columns(label),
        **_box_columns(boxes.xywh, sizes),
        "area": lambda: boxes.area,
        "crowd": lambda: boxes.crowd,
    }
    return _on_images("annotations", images, boxes.image, own, boxes.xywh, label, None, (fields,))


def detection_table(dataset: Dataset, images: WideTable, detections: DetectionTable) -> WideTable:
    """The table of the detections; `images` is that of their images."""
    label = _named(object_column(detections.classes), detections.category)
    own: Makers = {
        "image_id": lambda: dataset.images.id[detections.image],
        **_label_columns(label),
        "score": lambda: detections.score,
        **_box_columns(detections.xywh, _sizes(dataset, detections.image)),
        "area": lambda: detections.xywh[:, 2] * detections.xywh[:, 3],
    }
    return _on_images(
        "detections", images, detections.image, own, detections.xywh, label, detections.score
    )


def _on_images(
    name: TableName,
    images: WideTable,
    rows: NDArray[np.int64],
    own: Makers,
    xywh: NDArray[np.float64],
    label: Column,
    score: NDArray[np.float64] | None,
    fields: tuple[FieldSource, ...] = (),
) -> WideTable:
    """A table of boxes on images, with the columns of the image of each."""
    image = _rows_of(images.image, rows)

    makers: Makers = {"split": lambda: _constant(images.dataset, len(rows))}
    makers |= {"file_name": lambda: image, "image": lambda: image, **own}
    for column in images.makers:
        if column not in ("split", "file_name", "id"):
            shown = f"{OF_IMAGE}{column}" if column in makers else column
            makers.setdefault(shown, partial(_of_image, images, column, rows))
    return WideTable(
        name=name,
        dataset=images.dataset,
        makers=makers,
        image=image,
        xywh=xywh,
        label=label,
        score=score,
        fields=(*fields, *images.fields),
        of_image=lambda column: _rows_of(column, rows),
    )


def _of_image(images: WideTable, column: str, rows: NDArray[np.int64]) -> Column:
    return _rows_of(images.columns([column])[column], rows)


def _label_columns(label: Column) -> Makers:
    # `class` is a keyword of Python, so that no row condition can say it.
    return {"class": lambda: label, "label": lambda: label}


def _box_columns(xywh: NDArray[np.float64], sizes: NDArray[np.float64]) -> Makers:
    x, y, width, height = xywh.T
    return {
        "x": lambda: x,
        "y": lambda: y,
        "width": lambda: width,
        "height": lambda: height,
        "right": lambda: x + width,
        "bottom": lambda: y + height,
        "aspect": lambda: _ratio(width, height),
        "relative_area": lambda: _ratio(width * height, sizes[:, 0] * sizes[:, 1]),
        "outside": lambda: _outside(xywh, sizes),
    }


def _outside(xywh: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) by how many pixels each box is outside of its image at most."""
    start, end = xywh[:, :2], xywh[:, :2] + xywh[:, 2:]
    before = -np.minimum(start, end)
    behind = np.maximum(start, end) - sizes
    largest: NDArray[np.float64] = np.maximum(before, behind).max(axis=1, initial=0)
    largest[~np.isfinite(sizes).all(axis=1) | ~np.isfinite(xywh).all(axis=1)] = np.nan
    return largest


def _sizes(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2) the width and height of the image of each row."""
    sizes = np.stack([dataset.images.width, dataset.images.height], axis=1)
    # One row more for boxes without an image: UNLISTED is -1, the last.
    of_row: NDArray[np.float64] = np.concatenate([sizes, np.full((1, 2), np.nan)])[rows]
    return of_row


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: NDArray[np.float64] = above / below
    return quotient


def _count(dataset: Dataset, number: int) -> NDArray[np.int64]:
    boxes = dataset.boxes
    on = boxes.image[(boxes.category == number) & (boxes.image != UNLISTED) & ~boxes.crowd]
    return np.bincount(on, minlength=len(dataset.images))


def _empty(dataset: Dataset) -> Column:
    """Whether nothing is on each image; None where nobody said what is on it."""
    empty = np.zeros(len(dataset.images), dtype=np.bool_)
    empty[dataset.empty_images()] = True
    unlabelled = dataset.images.unlabelled
    if unlabelled is None or not unlabelled.any():
        return empty
    column = empty.astype(object)
    column[unlabelled] = None
    return column


def _field(source: FieldSource, name: str, rows: int) -> Column:
    return source.columns([name]).get(name, object_column([None] * rows))


def _group_column(group: str, texts: Callable[[], Sequence[str | None]]) -> Column:
    return _frames(texts()) if group == "frame" else object_column(texts())


def _frames(texts: Sequence[str | None]) -> Column:
    """Frame numbers as numbers, where every one of them is."""
    numbers = [whole_number(text) for text in texts]
    if any(number is None for text, number in zip(texts, numbers, strict=True) if text is not None):
        return object_column(texts)
    return typed_column(numbers)


def _named(names: NDArray[np.object_], rows: NDArray[np.int64]) -> Column:
    """The name at each row number, None where it is `UNLISTED`."""
    named: Column = object_column([*names, None])[rows]  # UNLISTED is -1: the last
    return named


def _rows_of(column: Column, rows: NDArray[np.int64]) -> Column:
    """The values at row numbers, missing where they are `UNLISTED`."""
    if not (rows == UNLISTED).any():
        taken: Column = column[rows]
        return taken
    if np.issubdtype(column.dtype, np.number):
        return np.append(column.astype(np.float64), np.nan)[rows]
    return _named(column.astype(object), rows)


def _constant(text: str, rows: int) -> Column:
    column = np.empty(rows, dtype=object)
    column[:] = text
    return column
