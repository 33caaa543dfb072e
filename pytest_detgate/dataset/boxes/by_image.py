"""Images with all that is annotated on them, where one box says little without the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import drawable
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.evidence import Evidence, Frame, FrameBox

FRAMES_CAP = 12
"""Images that are shown with all their ground truth."""
BOXES_CAP = 300
"""Boxes on one of them; those that the image is shown for come first."""

Rows = NDArray[np.int64]


def annotated_images(dataset: Dataset, rows: Rows, text: Callable[[Rows], str]) -> Evidence:
    """The `FRAMES_CAP` images with most of some box rows, each with all its ground truth.

    `text` says why one should look, given those of the rows that are on the image. Boxes that
    cannot be drawn, not finite or with a negative side, are left out.
    """
    boxes = dataset.boxes
    image_of = boxes.image[rows]
    images, counts = np.unique(image_of[image_of != UNLISTED], return_counts=True)
    frames = []
    for image in images[np.argsort(-counts, kind="stable")][:FRAMES_CAP].tolist():
        meant = rows[image_of == image]
        others = np.setdiff1d(np.flatnonzero(boxes.image == image), meant)
        listed = np.concatenate([meant, others])
        shown = listed[drawable(boxes.xywh[listed])][:BOXES_CAP]
        frames.append(
            Frame(
                dataset=dataset.name,
                image=str(dataset.images.file_name[image]),
                boxes=[_box(dataset, row) for row in shown.tolist()],
                text=text(meant),
            )
        )
    return Evidence(frames=frames, frames_total=len(images))


def _box(dataset: Dataset, row: int) -> FrameBox:
    x, y, width, height = dataset.boxes.xywh[row].tolist()
    category = dataset.boxes.category[row]
    return FrameBox(
        box=(x, y, width, height),
        label="class not listed" if category == UNLISTED else dataset.classes[category],
        crowd=bool(dataset.boxes.crowd[row]),
    )
