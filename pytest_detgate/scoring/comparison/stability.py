"""Detections that a small change of their image takes away or adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.comparison.lost_objects import new_boxes

VISIBLE_SHARE = 0.9
"""Share of a box, at least, that both images must show, so that it can be asked for in both."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Unstable:
    """What a change of the images does to the detections over a threshold.

    `lost` and `before` are rows of detections on the originals: those that have no partner on the
    changed image, and all of them. `appeared` and `after` are the same of the changed images. A
    partner is of the same image and class, and IoU ≥ 0.5. Boxes that either image does not show
    are in none of them.
    """

    lost: Rows
    before: Rows
    appeared: Rows
    after: Rows


def unstable_detections(
    original: DetectionTable,
    changed: DetectionTable,
    threshold: float,
    visible: NDArray[np.float64],
) -> Unstable:
    """Pair detections one to one, best score first, on originals and changed images.

    `visible` (images, 4) is the left, top, right and bottom of what both show of each image; NaN
    in every place for images that are not looked at. All boxes are in pixels of the originals.
    """
    before, after = (
        rows[np.argsort(-table.score[rows], kind="stable")]
        for table, rows in (
            (table, np.flatnonzero((table.score > threshold) & _is_of(table, visible)))
            for table in (original, changed)
        )
    )
    appeared, lost = new_boxes(changed, after, original, before, len(visible))
    shown = _is_shown(original, visible), _is_shown(changed, visible)
    return Unstable(
        lost=lost[shown[0][lost]],
        before=before[shown[0][before]],
        appeared=appeared[shown[1][appeared]],
        after=after[shown[1][after]],
    )


def visible_parts(
    images: int, rows: Rows, parts: Sequence[tuple[float, float, float, float]]
) -> NDArray[np.float64]:
    """Return (images, 4) the `parts` of the images at `rows`, NaN for the others."""
    visible = np.full((images, 4), np.nan)
    visible[rows] = np.array(parts, dtype=np.float64).reshape(-1, 4)
    return visible


def _is_of(table: DetectionTable, visible: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether each detection is on an image that is looked at."""
    known: NDArray[np.bool_] = ~np.isnan(visible[table.image, 0])
    return known


def _is_shown(table: DetectionTable, visible: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether enough of each box is in the part that both images show; a box without an area
    is nowhere, as it overlaps nothing."""
    part = visible[table.image]
    region = np.column_stack([part[:, :2], part[:, 2:] - part[:, :2]])
    shared = geometry.paired_intersection(table.xywh, region)
    area = geometry.area(table.xywh)
    shown: NDArray[np.bool_] = (area > 0) & (shared >= VISIBLE_SHARE * area)
    return shown
