"""Frames to look at, with the ground truth and the detections on them.

The record must stay small, so frames and boxes are capped; what is left out are the frames that
come last and, of all their detections together, those of the lowest scores. So the same floor of
the score holds on every frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import drawable
from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, DetectionTable
from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.record.formatting import six_digits
from pytest_detgate.scoring.false_boxes import explained

T = TypeVar("T", BoxTable, DetectionTable)
FRAMES = 60
"""Frames that an item shows at most."""
FRAMES_OF_CLASS = 12
"""Frames that an item of a single class shows at most."""
FRAMES_OF_CLASSES = 240
"""Frames that the items of all classes of a rule show together, at least one each."""
TRUTH_A_FRAME = 40
"""Boxes of the ground truth on a frame, in the mean of as many frames as may be shown."""
DETECTIONS_A_FRAME = 20
"""Detections on a frame, in the mean of as many frames as may be shown."""


def frames_for_class(classes: int) -> int:
    """How many frames the item of one of so many classes may show."""
    return max(1, min(FRAMES_OF_CLASS, FRAMES_OF_CLASSES // max(classes, 1)))


def by_highest(
    detections: DetectionTable, rows: NDArray[np.int64], what: str
) -> tuple[NDArray[np.int64], Callable[[int], str]]:
    """Image rows by the best of some detections on them, whose `rows` come best score first, and
    what to say of each, at any threshold: `highest false box: cone 0.71`."""
    image = detections.image[rows]
    images, first = np.unique(image, return_index=True)
    best = dict(zip(images.tolist(), rows[first].tolist(), strict=True))

    def text(row: int) -> str:
        label = detections.classes[detections.category[best[row]]]
        return f"highest {what}: {label} {detections.score[best[row]]:.2f}"

    return image[np.sort(first)], text


def shown_frames(
    dataset: Dataset,
    detections: DetectionTable,
    images: Sequence[int] | NDArray[np.int64],
    text: Callable[[int], str],
    most: int = FRAMES,
) -> list[Frame]:
    """The first of some images, as many as `most` and the number of their boxes allow; `images`
    are their rows, the most telling first, and `text` says of a row why one should look.

    Detections are matched with the ground truth as `false_boxes` does.
    """
    rows = np.asarray(images, dtype=np.int64)[:most]
    boxes = np.bincount(
        dataset.boxes.image[dataset.boxes.image != UNLISTED], minlength=len(dataset.images)
    )
    enough = int(np.searchsorted(np.cumsum(boxes[rows]), most * TRUTH_A_FRAME, side="right"))
    rows = rows[: max(enough, 1)]
    position = np.full(len(dataset.images) + 1, -1)  # the last one is that of UNLISTED
    position[rows] = np.arange(len(rows))
    shown = np.flatnonzero(position[detections.image] >= 0)
    shown = shown[np.argsort(-detections.score[shown], kind="stable")][: most * DETECTIONS_A_FRAME]
    truth = np.flatnonzero(position[dataset.boxes.image] >= 0)
    dataset = dataclasses.replace(dataset, boxes=_some(dataset.boxes, truth))
    detections = _some(detections, shown)

    on_frame: list[list[FrameBox]] = [[] for _ in rows]
    explanation = explained(dataset, detections)
    for row, box in _truth(dataset, explanation.found_at):
        on_frame[position[dataset.boxes.image[row]]].append(box)
    for row, box in _detections(detections, explanation.false):
        on_frame[position[detections.image[row]]].append(box)
    return [
        Frame(
            dataset=dataset.name,
            image=str(dataset.images.file_name[row]),
            boxes=several,
            text=text(row),
        )
        for row, several in zip(rows.tolist(), on_frame, strict=True)
    ]


def _truth(dataset: Dataset, found_at: NDArray[np.float64]) -> Iterator[tuple[int, FrameBox]]:
    boxes = dataset.boxes
    for row in np.flatnonzero(drawable(boxes.xywh)).tolist():
        category = boxes.category[row]
        yield (
            row,
            FrameBox(
                box=_rounded(boxes.xywh[row]),
                label="class not listed" if category == UNLISTED else dataset.classes[category],
                crowd=bool(boxes.crowd[row]),
                found_at=None if np.isnan(found_at[row]) else float(found_at[row]),
            ),
        )


def _detections(
    detections: DetectionTable, false: NDArray[np.bool_]
) -> Iterator[tuple[int, FrameBox]]:
    for row in range(len(detections)):
        yield (
            row,
            FrameBox(
                box=_rounded(detections.xywh[row]),
                label=detections.classes[detections.category[row]],
                score=float(detections.score[row]),
                false=bool(false[row]),
            ),
        )


def _rounded(xywh: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y, width, height = map(six_digits, xywh.tolist())
    return x, y, width, height


def _some(table: T, rows: NDArray[np.int64]) -> T:
    """Some of the rows of a table of boxes or detections."""
    columns: dict[str, Any] = {
        column.name: value[rows]
        for column in dataclasses.fields(table)
        if isinstance(value := getattr(table, column.name), np.ndarray)
    }
    return dataclasses.replace(table, **columns)
