"""Which of the classes that a file lists count: placeholders do not, and a project may choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, verb, with_count
from pytest_detgate.dataset.keys import composed
from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, DetectionTable
from pytest_detgate.errors import DataError, nearest_name

# Names, without blanks and underscores around them, for what is no object.
_NO_OBJECT = frozenset({"", "background", "bg", "n/a", "ignore", "ignored"})


def placeholder_rows(
    classes: Sequence[str], supercategories: Sequence[str | None]
) -> tuple[int, ...]:
    """Return the rows of classes that are no class of objects if they have no box.

    These are the background, gaps in a numbering (`N/A`), regions to ignore, and the one that every
    other class names as its supercategory: an export of Roboflow has the name of its project there.
    """
    background = [row for row, name in enumerate(classes) if _is_no_object(name)]
    others = [row for row in range(len(classes)) if row not in background]
    for row in others if supercategories and len(others) > 1 else ():
        named = {supercategories[other] for other in others if other != row}
        if named == {classes[row]} and supercategories[row] not in _names_except(row, classes):
            return (*background, row)
    return tuple(background)


def with_counting_classes(dataset: Dataset, chosen: Sequence[str] | None) -> Dataset:
    """Return a split or probe without placeholders and, where classes are chosen, with those only.

    Boxes of other classes are left out, with a note. A chosen class that the file does not list
    has no boxes; one that is near a class which is left out raises `DataError`, and so do boxes of
    a class without a name, and boxes of a file that lists none of the chosen classes.
    """
    used = np.bincount(
        dataset.boxes.category[dataset.boxes.category != UNLISTED], minlength=len(dataset.classes)
    )
    rows = placeholder_rows(dataset.classes, dataset.supercategories)
    empty = [row for row in rows if not used[row]]
    nameless = sum(int(used[row]) for row in rows if not dataset.classes[row].strip())
    if nameless:
        text = with_count(nameless, "boxes are of a class without a name")
        raise DataError(f"{dataset.annotations}: {text}")
    dataset = _without_placeholders(dataset, empty)
    return dataset if chosen is None else _with_chosen(dataset, composed(chosen))


def chosen_detections(table: DetectionTable, dataset: Dataset) -> DetectionTable:
    """Return the detections of classes that count on a split or probe: all of them, where it does
    not choose."""
    if dataset.chosen is None:
        return table
    counts = np.array([name in dataset.chosen for name in table.classes], dtype=np.bool_)
    if counts.all():
        return table
    chosen = np.flatnonzero(counts[table.category])
    left_out = len(table) - len(chosen)
    new = np.cumsum(counts) - 1
    note = with_count(left_out, "detections of classes that `classes` does not list are left out")
    return dataclasses.replace(
        table.take(chosen),
        classes=tuple(name for name in table.classes if name in dataset.chosen),
        category=new[table.category[chosen]],
        notes=(*table.notes, note) if left_out else table.notes,
    )


def _is_no_object(name: str) -> bool:
    return name.strip().strip("_").lower() in _NO_OBJECT


def _names_except(row: int, classes: Sequence[str]) -> set[str]:
    return {name for other, name in enumerate(classes) if other != row}


def _without_placeholders(dataset: Dataset, rows: Sequence[int]) -> Dataset:
    if not rows:
        return dataset
    names = tuple(dict.fromkeys(dataset.classes[row] for row in rows))
    real = [row for row in range(len(dataset.classes)) if row not in rows]
    text = ", ".join(map(repr, names))
    note = f"{text} has no box and is a placeholder, not a class; it is left out"
    if len(names) > 1:
        note = f"{text} have no box and are placeholders, not classes; they are left out"
    dataset = _with_classes(dataset, real, dataset.boxes)
    # A project that is called as its one class gives that name to both.
    names = tuple(name for name in names if name not in dataset.classes)
    return dataclasses.replace(dataset, placeholders=names, notes=(*dataset.notes, note))


def _with_chosen(dataset: Dataset, chosen: tuple[str, ...]) -> Dataset:
    missing = [name for name in chosen if name not in dataset.classes]
    left_out = [name for name in dataset.classes if name not in chosen]
    where = dataset.annotations or dataset.images_dir
    for name in missing:
        meant = nearest_name(name, left_out)
        if meant is not None and dataset.classes:
            raise DataError(
                f"{where}: has no class {name!r}, which `classes` lists; did you mean {meant!r}? "
                f"(its classes: {', '.join(dataset.classes)})"
            )
    category = dataset.boxes.category
    out = np.array([name not in chosen for name in dataset.classes] + [False], dtype=np.bool_)
    boxes = dataset.boxes.take(np.flatnonzero(~out[category]))
    n_left = len(dataset.boxes) - len(boxes)
    # Where the classes are those of the boxes, the chosen ones may be on another split only.
    if n_left and dataset.has_class_list and not set(chosen) & set(dataset.classes):
        raise DataError(
            f"{where}: has none of the classes that `classes` lists ({_shown(chosen)}), so all "
            f"{with_count(n_left, 'boxes')} would be left out "
            f"(its classes: {', '.join(dataset.classes)})"
        )
    notes = []
    if left_out:
        notes.append(
            f"{counted(n_left, 'box')} of {counted(len(left_out), 'class')} that `classes` does "
            f"not list {verb(n_left, 'are')} left out: {_shown(left_out)}"
        )
    if missing and dataset.classes:
        notes.append(f"{_shown(missing)} of `classes` is not among the classes of the file")
    chosen_rows = [row for row, name in enumerate(dataset.classes) if name in chosen]
    dataset = _with_classes(dataset, chosen_rows, boxes)
    if dataset.annotations is not None:
        # Text is no id of a file that numbers its classes, and the name is one of all others.
        n = len(missing)
        dataset = dataclasses.replace(
            dataset,
            classes=(*dataset.classes, *missing),
            category_id=(*dataset.category_id, *missing),
            supercategories=(*dataset.supercategories, *[None] * n)
            if dataset.supercategories
            else (),
        )
    return dataclasses.replace(dataset, chosen=chosen, notes=(*dataset.notes, *notes))


def _with_classes(dataset: Dataset, chosen: Sequence[int], boxes: BoxTable) -> Dataset:
    """The same with some of its classes; no box has another one."""
    listed = tuple(zip(*dataset.all_classes(), strict=True)) if dataset.category_id else None
    new = np.full(len(dataset.classes) + 1, UNLISTED, dtype=np.int64)
    new[list(chosen)] = np.arange(len(chosen))
    category: NDArray[np.int64] = new[boxes.category]
    return dataclasses.replace(
        dataset,
        boxes=dataclasses.replace(boxes, category=category),
        classes=tuple(dataset.classes[row] for row in chosen),
        file_classes=listed,
        category_id=tuple(dataset.category_id[row] for row in chosen if dataset.category_id),
        supercategories=tuple(
            dataset.supercategories[row] for row in chosen if dataset.supercategories
        ),
    )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(map(repr, names[:5]))}{more}"
