"""Annotations that are in the tables and yet are no box of an image and a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import finite
from pytest_detgate.dataset.id_shift import shift_hint
from pytest_detgate.dataset.tables import UNLISTED, BoxTable
from pytest_detgate.gaps import Gap, GapKind, gap


def annotation_gaps(
    boxes: BoxTable,
    image_id: NDArray[Any] | Sequence[int | str] = (),
    category_id: Sequence[int | str] = (),
) -> Iterable[Gap]:
    """The annotations that cannot be judged as boxes of an image and a class of the file, whose ids
    say whether all are off by one."""
    wrong: tuple[tuple[GapKind, NDArray[np.bool_], NDArray[Any], str], ...] = (
        (
            "unlisted-image",
            np.asarray(boxes.image == UNLISTED),
            boxes.image_id,
            "annotations refer to images that the file does not list",
        ),
        (
            "unlisted-class",
            np.asarray(boxes.category == UNLISTED),
            boxes.category_id,
            "annotations refer to categories that the file does not list",
        ),
        (
            "boxes-not-finite",
            ~finite(boxes.shapes),
            boxes.id,
            "boxes are not finite",
        ),
    )
    for kind, rows, ids, text in wrong:
        if rows.any():
            hint = off_by_one(kind, boxes, image_id, category_id)
            text = f"{text} ({hint})" if hint else text
            yield from gap(kind, "annotations", list(map(str, ids[rows].tolist())), text)


def off_by_one(
    kind: GapKind,
    boxes: BoxTable,
    image_id: NDArray[Any] | Sequence[int | str],
    category_id: Sequence[int | str],
) -> str:
    """The likely cause of annotations of what is not listed, if their numbers are all off by one;
    else nothing."""
    if kind == "unlisted-class":
        return shift_hint(boxes.category_id, category_id, "classes")
    return shift_hint(boxes.image_id, image_id, "images") if kind == "unlisted-image" else ""
