"""Queries over a split: which of its images a probe consists of."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, verb
from pytest_detgate.dataset.conditions import Condition
from pytest_detgate.dataset.ids import repeated
from pytest_detgate.dataset.images.names import (
    AmbiguousNameError,
    FileNames,
    listed_names,
    require_one_line,
)
from pytest_detgate.dataset.parts import part_of
from pytest_detgate.dataset.slices import COLUMNS, column
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, GapKind, described, with_rows

_MOST_VALUES = 8

_NO_OBJECTS: frozenset[GapKind] = frozenset({"images-without-labels", "shapes-not-boxes"})
"""Gaps of images that have no box and may hold objects all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The images of `split` to which everything applies that is given: they are `empty`, which is
    said of them and not only not known; the `condition` holds; they are in the file `listed`.

    `pattern` is that of clips and frames, which the condition may name.
    """

    split: str
    empty: bool = False
    condition: Condition | None = None
    listed: Path | None = None
    pattern: re.Pattern[str] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The image fields that the split must be read with."""
        known = (*COLUMNS, *(() if self.pattern is None else self.pattern.groupindex))
        named = () if self.condition is None else self.condition.fields
        return tuple(name for name in named if name not in known)

    def __str__(self) -> str:
        parts = ["without annotations (empty = true)"] if self.empty else []
        parts += [] if self.condition is None else [f"where {self.condition.text}"]
        parts += [] if self.listed is None else [f"in the list {self.listed.name}"]
        return " and ".join(parts)


def select(query: Query, split: Dataset, name: str) -> Dataset:
    """The probe `name`: the images of a split, read with the fields of the query, that it chooses.

    Images of which it is not known whether they belong to it are a gap of the probe. A query that
    chooses none, a wrong field, and an image that the list has and the split has not raise
    `DataError`.
    """
    if not len(split.images):
        raise DataError(f"{name}: the split {split.name} has no images")
    twice = repeated(split.images.id)
    if twice:
        raise DataError(
            f"{name}: image id {twice[0]!r} is used for several images of {split.name}, so it is "
            "not known what is on them"
        )
    possible = np.ones(len(split.images), dtype=np.bool_)
    certain = possible.copy()
    choices = list(_choices(query, split))
    for choice in choices:
        possible &= choice.chosen | choice.unknown
        certain &= choice.chosen
    gaps: list[Gap] = []
    for choice in choices:
        if choice.gap is not None:
            rows = np.flatnonzero(possible & choice.unknown)
            names = split.images.file_name[rows].tolist()
            gaps += with_rows(choice.gap, (), names, listed=False)
            possible &= ~choice.unknown  # so that no image is counted twice
    if not certain.any():
        raise DataError(_nothing(query, split, name, gaps))
    return part_of(
        split,
        np.flatnonzero(certain),
        name,
        str(query),
        gaps=tuple(gaps),
        left_out=_NO_OBJECTS if query.empty else frozenset(),
    )


def select_listed(dataset: Dataset, path: Path) -> Dataset:
    """The images of a probe that a list names, of those that its own files have."""
    rows = np.flatnonzero(_is_listed(dataset, path))
    if not len(rows):
        raise DataError(f"{path}: names no image")
    part = part_of(dataset, rows, dataset.name, f"in the list {path.name}")
    return dataclasses.replace(part, notes=(*dataset.notes, *part.notes), part=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """(images,) whether a part of a query applies to each image, whether that is `unknown`, and the
    gap that the unknown ones make."""

    chosen: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    gap: Gap | None = None


def _choices(query: Query, split: Dataset) -> Iterator[_Choice]:
    if query.listed is not None:
        chosen = _is_listed(split, query.listed)
        yield _Choice(chosen, np.zeros(len(chosen), dtype=np.bool_))
    if query.condition is not None:
        yield _holding(split, query.condition, query.pattern)
    if query.empty:
        yield from _empty(split)


def _is_listed(dataset: Dataset, path: Path) -> NDArray[np.bool_]:
    """(images,) whether a list names each image; one that is not there raises `DataError`."""
    names = dataset.images.file_name.tolist()
    index = FileNames(names)
    row_of = {name: row for row, name in enumerate(names)}
    chosen = np.zeros(len(names), dtype=np.bool_)
    missing = []
    lines: dict[str, str] = {}
    for text in listed_names(path):
        try:
            name = index.find(text)
            if name is not None:
                require_one_line(lines, name, text)
        except AmbiguousNameError as error:
            raise DataError(f"{path}: {error}") from None
        if name is None:
            missing.append(f"{text}{index.near(text)}")
        else:
            chosen[row_of[name]] = True
    if missing:
        raise DataError(
            f"{path}: {len(missing):,} of its lines {verb(len(missing), 'name')} no image of "
            f"{dataset.name}, first {missing[0]}"
        )
    return chosen


def _holding(split: Dataset, condition: Condition, pattern: re.Pattern[str] | None) -> _Choice:
    """The images for which a condition holds."""
    answers: list[bool | None] = []
    for row, values in enumerate(_values(split, condition, pattern)):
        try:
            answers.append(condition.holds(values))
        except DataError as error:
            raise DataError(
                f"where = {condition.text!r}: {error} (on {split.images.file_name[row]} of "
                f"{split.name})"
            ) from None
    what = f"images lack a value that where = {condition.text!r} needs"
    return _Choice(
        chosen=np.array([answer is True for answer in answers], dtype=np.bool_),
        unknown=np.array([answer is None for answer in answers], dtype=np.bool_),
        gap=Gap(kind="images-without-field", unit="images", count=0, text=what),
    )


def _values(
    split: Dataset, condition: Condition, pattern: re.Pattern[str] | None
) -> Iterator[dict[str, Any]]:
    columns = [column(split, name, pattern) for name in condition.fields]
    for row in zip(*columns, strict=True):
        yield dict(zip(condition.fields, row, strict=True))


def _empty(split: Dataset) -> Iterator[_Choice]:
    """The images that are labelled as having nothing on them."""
    no_box = split.boxes_by_image() == 0
    nowhere = np.zeros(len(no_box), dtype=np.bool_)
    yield _Choice(no_box, nowhere)
    for gap in split.gaps:
        if gap.kind in _NO_OBJECTS and gap.rows:
            rows = nowhere.copy()
            rows[list(gap.rows)] = True
            is_unknown = gap.kind == "images-without-labels"
            yield _Choice(~rows, rows if is_unknown else nowhere, gap if is_unknown else None)


def _nothing(query: Query, split: Dataset, name: str, gaps: Sequence[Gap]) -> str:
    """Say that a query chooses no image, and why that may be."""
    text = (
        f"{name}: none of the {counted(len(split.images), 'image')} of {split.name} is "
        f"chosen: {query}"
    )
    if query.condition is not None and not gaps:
        text += "".join(
            f"; {field} is {_listed(column(split, field, query.pattern))}"
            for field in query.condition.fields
        )
    return "; ".join([text, *described(gaps)])


def _listed(values: Sequence[Any]) -> str:
    """The values of a field, where they are few."""
    several = list(dict.fromkeys(map(repr, values)))
    more = f" or one of {len(several) - _MOST_VALUES:,} more" * (len(several) > _MOST_VALUES)
    return " or ".join(several[:_MOST_VALUES]) + more
