"""The boxes of entries as columns, whether they came box by box or many files at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.ids import id_column
from pytest_detgate.dataset.labels.image_labels import ImageLabels
from pytest_detgate.dataset.tables import UNLISTED, object_column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainBoxes:
    """Boxes of entries that hold nothing else: `category` (n,) int64 are numbers of `classes`,
    `xywh` (n, 4) float64. An entry says at which row its own begin."""

    classes: tuple[str, ...] = ()
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]


class PlainBoxReader:
    """Collects the boxes of entries that hold nothing else."""

    def __init__(self) -> None:
        self._classes: dict[str, int] = {}
        self._category: list[int] = []
        self._frames: list[NDArray[np.float64]] = []

    def boxes(self) -> PlainBoxes:
        """Return the boxes of all entries that were read."""
        self._frame()
        return PlainBoxes(
            classes=tuple(self._classes),
            category=np.array(self._category, dtype=np.int64),
            xywh=np.concatenate(self._frames),
        )

    def _class_numbers(self, names: list[str]) -> list[int] | None:
        """The numbers of these classes, those of new ones too; None where a name is blank."""
        numbers = self._classes
        try:
            return [*map(numbers.__getitem__, names)]
        except KeyError:
            if not all(map(str.strip, names)):
                return None
            return [numbers.setdefault(name, len(numbers)) for name in names]

    def _frame(self) -> None:
        """Make pixels of the numbers so far: then the same memory is used for the next ones."""
        raise NotImplementedError


NO_PLAIN_BOXES = PlainBoxes(category=np.zeros(0, dtype=np.int64), xywh=np.zeros((0, 4)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxColumns:
    """The boxes of entries, in the order of these: how many each has, `counts`, and of each box the
    number of its class in `classes`, its place and whether it is a crowd."""

    counts: NDArray[np.int64]
    classes: tuple[str, ...]
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def of_classes(self, listed: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return (boxes,) the index of each box's class among those that the labels list,
        `UNLISTED` for one that they do not, and its name."""
        index = {name: row for row, name in enumerate(listed)}
        rows = np.array([index.get(name, UNLISTED) for name in self.classes], dtype=np.int64)
        if not len(self.category):
            return self.category, id_column([])
        return rows[self.category], object_column(self.classes)[self.category]


def used_classes(entries: Iterable[ImageLabels], plain: PlainBoxes) -> set[str]:
    """The classes that boxes of entries have."""
    listed: list[ImageLabels] = []
    columns: list[ImageLabels] = []
    for entry in entries:
        (listed if entry.start is None else columns).append(entry)
    used = {name for entry in listed for name in entry.classes}
    numbers = plain.category[_rows(*_extent(columns))]
    return used.union(plain.classes[number] for number in np.unique(numbers).tolist())


def box_columns(entries: Sequence[ImageLabels], plain: PlainBoxes) -> BoxColumns:
    """Return the boxes of entries; those that have a `start` have theirs in `plain`."""
    listed = [entry for entry in entries if entry.start is None]
    names = [*chain.from_iterable(entry.classes for entry in listed)]
    number = {name: row for row, name in enumerate(dict.fromkeys((*plain.classes, *names)))}
    boxes = [box for entry in listed for box in entry.boxes]
    crowd = [*chain.from_iterable(entry.crowd for entry in listed)]
    starts, counts = _extent(entries)
    is_listed = starts == UNLISTED
    ends = len(plain.category) + np.cumsum(counts[is_listed])
    starts[is_listed] = ends - counts[is_listed]
    rows = _rows(starts, counts)
    own = np.array([number[name] for name in names], dtype=np.int64)
    return BoxColumns(
        counts=counts,
        classes=tuple(number),
        category=np.concatenate([plain.category, own])[rows],
        xywh=np.concatenate([plain.xywh, np.array(boxes, dtype=np.float64).reshape(-1, 4)])[rows],
        crowd=np.concatenate([np.zeros(len(plain.category), np.bool_), np.array(crowd, np.bool_)])[
            rows
        ],
    )


def _extent(entries: Sequence[ImageLabels]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(entries,) where the boxes of each begin, and how many there are."""
    starts = [UNLISTED if entry.start is None else entry.start for entry in entries]
    counts = [len(entry.ids) for entry in entries]
    return np.array(starts, dtype=np.int64), np.array(counts, dtype=np.int64)


def _rows(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of all boxes, whose runs begin at `starts`."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())
