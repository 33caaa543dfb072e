"""Further fields of a file's entries as columns, and columns of values of any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.fields import Entries, field_names, read_fields
from pytest_detgate.dataset.keys import composed
from pytest_detgate.dataset.tables import Dataset, object_column
from pytest_detgate.errors import DataError

Column = NDArray[Any]

_EXACT = 2**53
"""Whole numbers up to it are the same as floating-point numbers."""
_STANDARD: dict[Entries, frozenset[str]] = {
    "images": frozenset({"id", "file_name", "width", "height"}),
    "annotations": frozenset(
        {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"}
    ),
}
"""Fields of COCO that the tables have in other columns, or not at all."""


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Fields of entries that are columns when they are named: their `names`, and a function that
    reads the values of some of them, None where no entry has one."""

    names: Callable[[], list[str]]
    read: Callable[[Sequence[str]], dict[str, Sequence[Any] | None]]

    def columns(self, names: Sequence[str]) -> dict[str, Column]:
        """Those of some fields that an entry has."""
        columns = self.read(names) if names else {}
        return {
            name: typed_column(values)
            for name, values in columns.items()
            if values is not None and any(value is not None for value in values)
        }


NO_FIELDS = FieldSource(names=list, read=lambda names: {})


def coco_image_fields(dataset: Dataset) -> FieldSource:
    """The fields that a COCO file gives its images."""
    path = dataset.annotations
    assert path is not None
    rows = None if dataset.part is None else dataset.part.rows.tolist()
    count = len(dataset.images) if dataset.part is None else len(dataset.part.whole.images)

    def read(names: Sequence[str]) -> dict[str, Sequence[Any] | None]:
        fields = read_fields(path, "images", names)
        if any(len(values) != count for values in fields.values()):
            raise _unmatched(dataset, "images", names)
        if rows is None:
            return dict(fields)
        return {name: [values[row] for row in rows] for name, values in fields.items()}

    return FieldSource(names=lambda: _further(dataset, "images"), read=read)


def coco_annotation_fields(dataset: Dataset) -> FieldSource:
    """The fields that a COCO file gives its annotations, a value for each box that was read."""

    def read(names: Sequence[str]) -> dict[str, Sequence[Any] | None]:
        assert dataset.annotations is not None
        fields = read_fields(
            dataset.annotations, "annotations", list(dict.fromkeys([*names, "category_id"]))
        )
        counting = _counting(dataset, fields["category_id"])
        if len(counting) != len(dataset.boxes):
            raise _unmatched(dataset, "annotations", names)
        return {name: [fields[name][row] for row in counting] for name in names}

    return FieldSource(names=lambda: _further(dataset, "annotations"), read=read)


def typed_column(values: Sequence[Any]) -> Column:
    """Return a column of one type: whole numbers (int64), numbers (float64, NaN where there is
    none), true and false (bool); anything else as objects, with None where there is none.

    A list or an object of JSON becomes its text.
    """
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return np.array(values, dtype=np.bool_)
    if kinds - {type(None)} and kinds <= {int, float, type(None)} and all(map(_is_exact, values)):
        if kinds == {int}:
            return np.array(values, dtype=np.int64)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return object_column([_cell(value) for value in values])


def _further(dataset: Dataset, entries: Entries) -> list[str]:
    """The names of the fields of a COCO file beside the standard ones."""
    assert dataset.annotations is not None
    names = field_names(dataset.annotations, entries)
    return [name for name in names if name not in _STANDARD[entries]]


def _counting(dataset: Dataset, category: Sequence[Any]) -> Sequence[int]:
    """The annotations of a file that the tables have: `classes` leaves out those of others."""
    if dataset.chosen is None:
        return range(len(category))
    ids, names = dataset.all_classes()
    out = {
        category_id
        for category_id, name in zip(ids, composed(map(str, names)), strict=True)
        if name not in dataset.classes
    }
    return [row for row, category in enumerate(category) if category not in out]


def _unmatched(dataset: Dataset, entries: Entries, names: Sequence[str]) -> DataError:
    return DataError(
        f"{dataset.annotations}: its {entries} are not those that were read of it, so their fields "
        f"({', '.join(names)}) are not known"
    )


def _is_exact(value: int | float | None) -> bool:
    return not isinstance(value, int) or abs(value) <= _EXACT


def _cell(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, (list, dict)) else value
