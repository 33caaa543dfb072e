"""Columns of annotations that grow piece by piece in one place.

To touch new memory takes as long as to decode what is put there. So rows are put where they stay,
and the rows of another process behind them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.annotation_rows import AnnotationRows

COLUMNS = ("id", "image_id", "category_id", "xywh", "area", "crowd")
"""Those of `AnnotationRows`, in the order in which processes send them."""
# More rows than the first piece lets expect; memory that is never touched costs nothing.
_SPARE = 1.25
_FEWEST = 1 << 10


class RowStore:
    """Room for the annotations of a file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._columns: dict[str, NDArray[Any]] | None = None
        self._parts: list[AnnotationRows] = []
        self._rows = 0

    def add(self, rows: AnnotationRows, piece: int) -> AnnotationRows:
        """Put the rows of a piece of so many bytes behind those before; they are as they were
        where they do not fit."""
        if self._columns is None:
            expected = self._size / piece * len(rows)
            self._columns = _columns(rows, int(expected * _SPARE) + _FEWEST)
        end = self._rows + len(rows)
        room = len(self._columns["crowd"]) if self._columns else 0
        if end > room or not _are_numbers(rows):
            return rows
        own: dict[str, Any] = {
            name: column[self._rows : end] for name, column in self._columns.items()
        }
        for name, column in own.items():
            column[:] = getattr(rows, name)
        self._rows = end
        self._parts.append(dataclasses.replace(rows, **own))
        return self._parts[-1]

    def columns(self, parts: Sequence[object], rows: int) -> tuple[dict[str, NDArray[Any]], int]:
        """The columns with room for so many rows in all, if the `parts` begin with those that were
        added, each in its turn; else none. And how many of the parts those are."""
        count = len(self._parts)
        in_turn = count <= len(parts) and all(map(_is, parts, self._parts))
        if not self._columns or not in_turn or rows > len(self._columns["crowd"]):
            return {}, 0
        return {name: column[:rows] for name, column in self._columns.items()}, count


def _is(part: object, other: object) -> bool:
    return part is other


def _columns(rows: AnnotationRows, room: int) -> dict[str, NDArray[Any]]:
    """Room for so many rows; none where ids are no numbers."""
    if not _are_numbers(rows):
        return {}
    try:
        return {name: empty_column(name, room) for name in COLUMNS}
    except MemoryError:
        return {}


def empty_column(name: str, rows: int) -> NDArray[Any]:
    """A column of that name with any numbers in it."""
    kind = {"crowd": np.bool_, "xywh": np.float64, "area": np.float64}.get(name, np.int64)
    return np.empty((rows, 4) if name == "xywh" else rows, kind)


def _are_numbers(rows: AnnotationRows) -> bool:
    """Whether all columns are arrays, as they are unless some id is text, or none."""
    return all(isinstance(getattr(rows, name), np.ndarray) for name in COLUMNS)
