"""Slices of a split: its images by clip, by site, by any field, or by an expression over them."""

from __future__ import annotations

import ast
import contextlib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.clips.clips import field_column
from pytest_detgate.dataset.clips.frames import whole_number
from pytest_detgate.dataset.coco.fields import field_names
from pytest_detgate.dataset.conditions import COMPARISONS
from pytest_detgate.dataset.tables import Dataset, ImageTable
from pytest_detgate.errors import DataError, nearest

COLUMNS = ("file_name", "width", "height", "boxes")
NO_SLICE = -1
MOST_SLICES = 5000

_LARGEST = 10**18
_SHOWN = 80


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The slices of a split: `labels` in order, and for each image the index of its label,
    `NO_SLICE` where it lacks what distinguishes the slices."""

    labels: tuple[str, ...]
    of_image: NDArray[np.int64]

    def images(self, label: str) -> NDArray[np.bool_]:
        """(images,) the images of one slice."""
        inside: NDArray[np.bool_] = self.of_image == self.labels.index(label)
        return inside


def names_in(expression: str) -> tuple[str, ...]:
    """What an expression is about; `DataError` where it is no expression."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise DataError(f"{expression!r} is not an expression: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{_cut(expression)!r} is not an expression: {error}") from None
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(names))


def fields_in(expression: str, pattern: re.Pattern[str] | None) -> tuple[str, ...]:
    """The image fields that an expression needs: what is neither a column nor in the pattern."""
    names = (*COLUMNS, *(() if pattern is None else pattern.groupindex))
    return tuple(name for name in names_in(expression) if name not in names)


def slices_of(dataset: Dataset, expression: str, pattern: re.Pattern[str] | None) -> Slices:
    """Slice the images by the value that an expression has for each.

    Names are groups of the frame pattern (`clip`, `site`; `frame` is a number), `file_name`,
    `width`, `height`, `boxes` (annotations of the image), and any field of the images that the
    data set was read with. A field that no image has, or an expression that cannot be evaluated,
    raises `DataError`. Numbers that are equal make one slice, 5 and 5.0 too; a number and a text
    make two.
    """
    names = names_in(expression)
    if not names:
        raise DataError(f"{expression!r} names no field of the images, so it makes no slices")
    columns = {name: column(dataset, name, pattern) for name in names}
    evaluate = _evaluator(expression)
    values = [
        None
        if any(value is None for value in row)
        else evaluate(dict(zip(names, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    # True and 1 are equal to Python, and yet two values.
    keys = [None if value is None else (isinstance(value, bool), value) for value in values]
    several = sorted({key for key in keys if key is not None}, key=_sort_key)
    if len(several) > MOST_SLICES:
        raise DataError(
            f"{expression!r} makes {counted(len(several), 'slice')}, over {MOST_SLICES}"
        )
    number = {key: index for index, key in enumerate(several)}
    by = expression.strip()
    return Slices(
        labels=tuple(f"{by}={text}" for text in _texts([value for _, value in several])),
        of_image=np.array(
            [NO_SLICE if key is None else number[key] for key in keys], dtype=np.int64
        ),
    )


def column(dataset: Dataset, name: str, pattern: re.Pattern[str] | None) -> list[Any]:
    """The value of a name in an expression, for each image; None where an image has
    none. `DataError` where no image has one."""
    images = dataset.images
    if pattern is not None and name in pattern.groupindex:
        return _of_pattern(images, name, pattern)
    if name == "file_name":
        return list(images.file_name)
    if name in ("width", "height"):
        sides = images.width if name == "width" else images.height
        return [None if np.isnan(side) else side for side in sides.tolist()]
    if name == "boxes":
        return list(dataset.boxes_by_image().tolist())
    values = field_column(images, name)
    if all(value is None for value in values):
        known = (*COLUMNS, *(() if pattern is None else pattern.groupindex))
        known += tuple(name for name in image_fields(dataset) if name.isidentifier())
        raise DataError(
            f"no image of {dataset.name} has the field {name!r}{nearest(name, known)} (there is: "
            f"{', '.join(dict.fromkeys(known))})"
        )
    return values


def image_fields(dataset: Dataset) -> list[str]:
    """Return the fields that the entries of the images have besides; none where the file cannot be
    read again."""
    if dataset.known_fields:
        return list(dataset.known_fields)
    path = dataset.annotations
    if path is None or path.suffix.lower() != ".json":
        return []
    with contextlib.suppress(DataError):
        return field_names(path, "images")
    return []


def _of_pattern(images: ImageTable, group: str, pattern: re.Pattern[str]) -> list[Any]:
    matches = (pattern.search(name) for name in images.file_name.tolist())
    values = [None if match is None else match[group] for match in matches]
    return [whole_number(value) for value in values] if group == "frame" else values


def _evaluator(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    if expression.isidentifier():
        return lambda names: _plain(names[expression], expression)
    from simpleeval import DEFAULT_OPERATORS, SimpleEval

    # A comparison means what it means in `where`: 7 is the text "7", too.
    evaluator = SimpleEval(operators={**DEFAULT_OPERATORS, **COMPARISONS}, functions={})
    parsed = evaluator.parse(expression.strip())

    def evaluate(names: Mapping[str, Any]) -> Any:
        evaluator.names = names
        try:
            value = evaluator.eval(expression, previously_parsed=parsed)
        except Exception as error:  # any error: it is an expression of the project
            raise DataError(f"{expression!r} cannot be evaluated: {error}") from None
        return _plain(value, expression)

    return evaluate


def _plain(value: Any, expression: str) -> Any:
    """A value that can tell slices: text, as NFC, a number or a truth; None for NaN, which is no
    value."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise DataError(f"{expression!r} has a value of more than 18 digits")
    if value is None or isinstance(value, (int, float)):
        return value
    raise DataError(f"{expression!r} is neither a number nor text: {_cut(repr(value))}")


def _sort_key(key: tuple[bool, Any]) -> tuple[bool, Any, bool]:
    is_truth, value = key
    return isinstance(value, str), value, is_truth


def _texts(values: Sequence[Any]) -> list[str]:
    """The values as the names of slices have them, no two alike: text is in quotes where it
    could be taken for another value."""
    plain = [_text(value) for value in values]
    if len(set(plain)) == len(plain):
        return plain
    return [repr(value) if isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < _LARGEST else repr(value)
    return value if isinstance(value, str) else repr(value)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
