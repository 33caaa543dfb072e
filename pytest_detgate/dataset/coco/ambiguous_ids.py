"""Annotations that refer to an id which several images or classes of their file have."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.ids import id_column, repeated_rows
from pytest_detgate.dataset.keys import keys
from pytest_detgate.dataset.tables import BoxTable, ImageTable, object_column
from pytest_detgate.gaps import Gap, GapKind, gap

Rows = NDArray[np.int64]


def ambiguous_gaps(
    images: ImageTable, boxes: BoxTable, category_id: Sequence[int | str], classes: Sequence[str]
) -> Iterator[Gap]:
    """The annotations of which nobody can say what image or class they belong to.

    Entries that are alike (file and size of an image, name of a class) leave nothing open:
    whichever of them an annotation belongs to, it is the same.
    """
    of_images = _differing(repeated_rows(images.id), lambda rows: _images(images, rows))
    yield from _gap(
        "ambiguous-image",
        boxes.image_id[np.isin(boxes.image, of_images)],
        "annotations refer to an image id that several images have",
    )
    of_classes = _differing(
        repeated_rows(id_column(list(category_id))),
        lambda rows: keys(object_column([classes[row] for row in rows])),
    )
    yield from _gap(
        "ambiguous-class",
        boxes.category_id[np.isin(boxes.category, of_classes)],
        "annotations refer to a category id that several classes have",
    )


def _images(images: ImageTable, rows: Rows) -> list[Hashable]:
    sides = np.stack([images.width[rows], images.height[rows]], axis=1)
    sizes = np.nan_to_num(sides, nan=-1.0).tolist()
    names = keys(images.file_name[rows])
    return [(name, *size) for name, size in zip(names, sizes, strict=True)]


def _differing(groups: Sequence[Rows], entries: Callable[[Rows], Iterable[Hashable]]) -> Rows:
    """The first row, which annotations point to, of each group whose entries are not alike."""
    rows = [int(group[0]) for group in groups if len(set(entries(group))) > 1]
    return np.array(rows, dtype=np.int64)


def _gap(kind: GapKind, ids: NDArray[Any], text: str) -> Iterator[Gap]:
    yield from gap(kind, "annotations", list(map(str, ids.tolist())), text)
