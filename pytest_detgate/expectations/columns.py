"""The tables that expectations are evaluated on: plain columns, one row for each image or box."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.fields import field_names, read_fields
from pytest_detgate.dataset.frames import whole_number
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable, object_column
from pytest_detgate.findings import Finding

TableName = Literal["images", "annotations", "detections"]
Column = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnTable:
    """Columns of equal length by name; text columns are objects, with None where there is none.

    `image` is each row's `file_name`; `xywh`, `label` and `score` place a row on it. `file` is
    what further columns could be read from.
    """

    name: TableName
    dataset: str
    columns: Mapping[str, Column]
    image: Column
    xywh: NDArray[np.float64] | None = None
    label: Column | None = None
    score: NDArray[np.float64] | None = None
    file: Path | None = None

    def __len__(self) -> int:
        return len(self.image)

    def possible_columns(self) -> list[str]:
        """The columns, and the further fields that would be columns if they were named."""
        if self.file is None or self.name == "detections":
            return list(self.columns)
        return list(dict.fromkeys([*self.columns, *field_names(self.file, self.name)]))

    def finding(self, row: int, text: str) -> Finding:
        """A finding at one row."""
        box = None if self.xywh is None else tuple(self.xywh[row].tolist())
        return Finding(
            text=text,
            dataset=self.dataset,
            image=self.image[row],
            box=box,
            label=None if self.label is None else self.label[row],
            score=None if self.score is None else float(self.score[row]),
        )


def image_columns(
    dataset: Dataset, pattern: re.Pattern[str] | None, fields: Iterable[str] = ()
) -> ColumnTable:
    """`id`, `file_name`, `width`, `height`, `boxes`, the groups of the frame pattern, and those
    of the `fields` that an image has."""
    images = dataset.images
    columns: dict[str, Column] = {
        "id": images.id,
        "file_name": images.file_name,
        "width": images.width,
        "height": images.height,
        "boxes": dataset.boxes_by_image(),
    }
    if pattern is not None:
        columns |= _pattern_columns(images.file_name, pattern)
    columns |= _further(dataset, "images", fields, columns)
    return ColumnTable(
        name="images",
        dataset=dataset.name,
        columns=columns,
        image=images.file_name,
        file=dataset.annotations,
    )


def annotation_columns(dataset: Dataset, fields: Iterable[str] = ()) -> ColumnTable:
    """`id`, `image`, `class`, `x`, `y`, `width`, `height`, `area`, `crowd`, `image_width`,
    `image_height`, and those of the `fields` that an annotation has."""
    boxes = dataset.boxes
    image = _named(dataset.images.file_name, boxes.image)
    label = _named(object_column(dataset.classes), boxes.category)
    listed = boxes.image != UNLISTED
    columns: dict[str, Column] = {
        "id": boxes.id,
        "image": image,
        "class": label,
        **_sides(boxes.xywh),
        "area": boxes.area,
        "crowd": boxes.crowd,
        "image_width": np.where(listed, dataset.images.width[boxes.image], np.nan),
        "image_height": np.where(listed, dataset.images.height[boxes.image], np.nan),
    }
    columns |= _further(dataset, "annotations", fields, columns)
    return ColumnTable(
        name="annotations",
        dataset=dataset.name,
        columns=columns,
        image=image,
        xywh=boxes.xywh,
        label=label,
        file=dataset.annotations,
    )


def detection_columns(dataset: Dataset, detections: DetectionTable) -> ColumnTable:
    """`image`, `class`, `score`, `x`, `y`, `width`, `height`, `image_width`, `image_height`."""
    image = dataset.images.file_name[detections.image]
    label = _named(object_column(detections.classes), detections.category)
    columns: dict[str, Column] = {
        "image": image,
        "class": label,
        "score": detections.score,
        **_sides(detections.xywh),
        "image_width": dataset.images.width[detections.image],
        "image_height": dataset.images.height[detections.image],
    }
    return ColumnTable(
        name="detections",
        dataset=dataset.name,
        columns=columns,
        image=image,
        xywh=detections.xywh,
        label=label,
        score=detections.score,
    )


def _sides(xywh: NDArray[np.float64]) -> dict[str, Column]:
    return dict(zip(("x", "y", "width", "height"), xywh.T, strict=True))


def _pattern_columns(names: NDArray[np.object_], pattern: re.Pattern[str]) -> dict[str, Column]:
    matches = [pattern.search(name) for name in names.tolist()]
    columns = {}
    for group in pattern.groupindex:
        texts = [None if match is None else match[group] for match in matches]
        columns[group] = _frames(texts) if group == "frame" else object_column(texts)
    return columns


def _frames(texts: list[str | None]) -> Column:
    """Frame numbers as numbers, where every one of them is."""
    numbers = [whole_number(text) for text in texts]
    if any(number is None for text, number in zip(texts, numbers, strict=True) if text is not None):
        return object_column(texts)
    return np.array([np.nan if number is None else float(number) for number in numbers])


def _further(
    dataset: Dataset,
    entries: Literal["images", "annotations"],
    fields: Iterable[str],
    known: Mapping[str, Column],
) -> dict[str, Column]:
    names = [name for name in fields if name not in known]
    if not names or dataset.annotations is None:
        return {}
    columns = read_fields(dataset.annotations, entries, names)
    return {
        name: object_column(values)
        for name, values in columns.items()
        if any(value is not None for value in values)
    }


def _named(names: NDArray[np.object_], rows: NDArray[np.int64]) -> Column:
    """The name at each row number, None where it is `UNLISTED`."""
    named: Column = object_column([*names, None])[rows]  # UNLISTED is -1: the last
    return named
