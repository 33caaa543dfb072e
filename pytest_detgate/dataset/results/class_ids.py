"""Which class a result file means: by name, by the ids of the split, or by a number in a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.ids import id_column, repeated, rows_of, shown_id
from pytest_detgate.dataset.keys import composed, keys
from pytest_detgate.dataset.results.found_rows import FoundRows
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError, nearest

Rows = NDArray[np.int64]
Classes = tuple[tuple[str, ...], Rows]
"""Names of classes, and for each detection the index of its class in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """What class numbers mean: `stated` are the names that `[model] classes` gives, `likely` those
    of the evaluated split by number. `first` is the number of the first of them, where the project
    states it, and `shown_first` where other result files show it. `elsewhere` gives the classes of
    other splits, by name."""

    stated: tuple[str, ...] | None = None
    likely: tuple[str, ...] | None = None
    first: int | None = None
    shown_first: int | None = None
    elsewhere: Callable[[], Iterable[tuple[str, tuple[str, ...]]]] = tuple


UNKNOWN = Numbering()
"""Nothing is known of class numbers but what a file itself shows."""


def class_rows(results: FoundRows, dataset: Dataset, numbering: Numbering) -> Classes:
    """Match the classes of a result file; `DataError` names what does not fit."""
    if results.classes is not None:
        return _by_listed(results, dataset, numbering)
    if results.category_name is not None and numbering.stated is None and numbering.first is None:
        return _by_name(results, results.category_name, dataset, numbering)
    names = numbered_names(results, dataset, numbering)
    if names is not None and not _are_ids(results, dataset, numbering):
        first = 0 if results.has_class_numbers else numbering.first
        if first is None and len(results):
            first = first_number(results, names, dataset, numbering.shown_first)
        return _by_number(results, dataset, names, first or 0, numbering)
    if results.has_class_numbers:
        raise DataError(
            f"{results.path}: only numbers its classes; list their names by [model] classes, or "
            "put the data.yaml of the training beside it"
        )
    return _by_id(results, dataset, numbering)


def _are_ids(results: FoundRows, dataset: Dataset, numbering: Numbering) -> bool:
    """Whether all class ids of a file are ids of the split, which come before numbers in a list
    unless the project says where those begin."""
    if results.has_class_numbers or dataset.has_class_numbers or numbering.first is not None:
        return False
    ids = dataset.all_classes()[0]
    return bool(ids) and not (rows_of(results.category, id_column(ids)) == UNLISTED).any()


def numbered_names(
    results: FoundRows, dataset: Dataset, numbering: Numbering
) -> tuple[str, ...] | None:
    """Return the names of the classes by number, from 0; None where a class id is no number of a
    list."""
    if numbering.stated is not None:
        return numbering.stated
    if results.class_names is not None:
        return results.class_names
    own_ids, own_names = dataset.all_classes()
    if dataset.has_class_numbers:
        return own_names
    if numbering.likely is not None and (results.has_class_numbers or not own_ids):
        return numbering.likely
    if numbering.first is not None and own_ids:
        return own_names
    return None


def first_number(
    results: FoundRows, names: Sequence[str], dataset: Dataset, shown: int | None = None
) -> int:
    """Return whether the classes of a file are numbered from 0 or from 1. Where its numbers fit
    both it is as `shown` elsewhere, else a `DataError`."""
    numbers = _whole_numbers(results, dataset)
    low, high = int(numbers.min()), int(numbers.max())
    n = len(names)
    if low == 0 or (low < 0 and high < n):
        return 0
    if high == n:
        return 1
    if high > n:
        raise DataError(
            f"{results.path}: category_id {high} is no class of {dataset.name}, which has {n} "
            f"({', '.join(names)})"
        )
    if shown is not None:
        return shown
    numbers_shown = f"{low}" if low == high else f"{low} to {high}"
    raise DataError(
        f"{results.path}: category_id {numbers_shown} of {counted(n, 'class')} may count from 0 "
        "or from 1; say which by first-class-number under [model], or list the names in "
        "`categories`"
    )


def _by_listed(results: FoundRows, dataset: Dataset, numbering: Numbering) -> Classes:
    assert results.classes is not None
    ids, names = results.classes.id, results.classes.names
    _refuse_unknown(results, names, dataset, numbering)
    if repeated(ids):
        raise DataError(f"{results.path}: category id {repeated(ids)[0]!r} is used twice")
    category = rows_of(results.category, ids)
    _refuse_missing(results, category, "the file")
    _refuse_twins(names, category, str(results.path))
    return names, category


def _by_name(
    results: FoundRows, written: NDArray[np.object_], dataset: Dataset, numbering: Numbering
) -> Classes:
    """Classes by the name that each detection has, as those of SAHI: its ids are the model's."""
    of_row = composed(written.tolist())
    names = tuple(dict.fromkeys(of_row))
    _refuse_unknown(results, names, dataset, numbering)
    _refuse_own_twins(dataset)
    index = {name: row for row, name in enumerate(names)}
    category = np.fromiter((index[name] for name in of_row), np.int64, len(of_row))
    # Classes without any detection may be known to the detector, too.
    return (*names, *(name for name in dataset.classes if name not in index)), category


def _by_number(
    results: FoundRows,
    dataset: Dataset,
    names: tuple[str, ...],
    first: int,
    numbering: Numbering,
) -> Classes:
    _refuse_unknown(results, names, dataset, numbering)
    _refuse_own_twins(dataset)
    if not len(results):
        return names, np.empty(0, dtype=np.int64)
    category = _whole_numbers(results, dataset) - first
    results.refuse_first(
        (category < 0) | (category >= len(names)),
        lambda row: (
            f"class number {category[row] + first} is none of {counted(len(names), 'class')}, "
            f"counted from {first} ({', '.join(names)})"
        ),
    )
    return names, category


def _by_id(results: FoundRows, dataset: Dataset, numbering: Numbering) -> Classes:
    ids, names = dataset.all_classes()
    if not ids and len(results):
        raise DataError(
            f"{results.path}: {dataset.name} has no annotation file, so a category_id has no "
            "meaning; add a `categories` list with names to the result file"
        )
    _refuse_own_twins(dataset)
    column = id_column(ids)
    if repeated(column):
        raise DataError(f"{dataset.annotations}: category id {repeated(column)[0]!r} is used twice")
    category = rows_of(results.category, column)
    if (category == UNLISTED).any() and set(keys(results.category)) <= set(keys(names)):
        category = rows_of(results.category, id_column(names))
    _refuse_missing(results, category, dataset.name, ids, names)
    _refuse_placeholder_twins(results, category, dataset)
    return names, category


def _whole_numbers(results: FoundRows, dataset: Dataset) -> Rows:
    try:
        return np.array([int(key or "") for key in keys(results.category)], dtype=np.int64)
    except (ValueError, OverflowError):
        wrong = np.array([not str(key).lstrip("-").isdigit() for key in keys(results.category)])
        results.refuse_first(
            wrong, lambda row: f"category_id {shown_id(results.category, row)} is no class number"
        )
        raise DataError(f"{results.path}: a class number is too large") from None


def _refuse_missing(
    results: FoundRows,
    category: Rows,
    where: str,
    ids: Sequence[Any] = (),
    names: Sequence[str] = (),
) -> None:
    shown = f" (its ids: {', '.join(map(str, ids[:20]))})" if len(ids) else ""

    def text(row: int) -> str:
        value = results.category[row : row + 1].tolist()[0]
        hint = nearest(value, names) if isinstance(value, str) else ""
        return f"category_id {value!r} is not a category of {where}{hint}{shown}"

    results.refuse_first(category == UNLISTED, text)


def _refuse_twins(names: Sequence[str], category: Rows, where: str) -> None:
    """Raise `DataError` where the name of a class with detections is that of another one too, which
    may have been meant. One without any is a placeholder with the name of its project."""
    used = np.bincount(category, minlength=len(names)) > 0
    for name in dict.fromkeys(names):
        rows = [row for row, other in enumerate(names) if other == name]
        if len(rows) > 1 and np.count_nonzero(used[rows]) > 1:
            raise DataError(f"{where}: {name!r} names more than one category")


def _refuse_own_twins(dataset: Dataset) -> None:
    twins = [name for row, name in enumerate(dataset.classes) if name in dataset.classes[:row]]
    if twins:
        raise DataError(f"{dataset.annotations}: {twins[0]!r} names more than one category")


def _refuse_placeholder_twins(results: FoundRows, category: Rows, dataset: Dataset) -> None:
    """Raise `DataError` for a detection of a category that does not count and has the name of a
    class: by name it would be one of that class."""
    ids, names = dataset.all_classes()
    counting = dict(zip(dataset.classes, dataset.category_id, strict=False))
    twin = np.array(
        [
            counting.get(name, category_id) != category_id
            for category_id, name in zip(ids, names, strict=True)
        ],
        np.bool_,
    )
    results.refuse_first(
        twin[category],
        lambda row: (
            f"category_id {shown_id(results.category, row)} is {names[category[row]]!r} without "
            f"any box, a placeholder; the class has id {counting[names[category[row]]]!r}"
        ),
    )


def _refuse_unknown(
    results: FoundRows, names: Sequence[str], dataset: Dataset, numbering: Numbering
) -> None:
    if not dataset.classes or dataset.chosen is not None:
        return
    for name in names:
        if name in dataset.classes or name in dataset.placeholders:
            continue
        splits = [split for split, classes in numbering.elsewhere() if name in classes]
        also = (
            f"; it is a class of {', '.join(splits)}, so the names in {dataset.annotations} may be "
            "wrong"
            if splits
            else ""
        )
        raise DataError(
            f"{results.path}: class {name!r} is not a class of {dataset.name}"
            f"{nearest(name, dataset.classes)} (its classes: {', '.join(dataset.classes)}){also}"
        )
