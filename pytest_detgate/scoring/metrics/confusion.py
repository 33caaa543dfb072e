"""The confusion matrix of a detector at its operating point."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.columns import Columns, columns_of
from pytest_detgate.scoring.false_boxes import MATCH_IOU, require_threshold
from pytest_detgate.scoring.matching import UNMATCHED, candidates_of, match, overlapping


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """What was detected in place of what, at one score threshold.

    `matrix` (K + 1, K + 1) counts ground-truth boxes (rows) by the detection matched to each
    (columns), classes in the order of `classes`; the last column holds boxes that no detection
    matches, the last row detections that match no box, and the corner is 0. So rows sum to the
    ground truth without crowd regions, and columns to the detections over the threshold, except
    those that a crowd region explains, which are counted in `in_crowds` (K,). `unknown` counts
    detections over the threshold of classes that the split does not know.
    """

    classes: tuple[str, ...]
    score_threshold: float
    matrix: NDArray[np.int64]
    in_crowds: NDArray[np.int64]
    unknown: int


def confusion(dataset: Dataset, detections: DetectionTable, score_threshold: float) -> Confusion:
    """Match the detections with score > threshold with ground truth at IoU ≥ 0.5, one to one.

    First within each class, by the matching that AP and false boxes are computed with, so that
    the diagonal is the true positives of each class; then what is left over across classes, in
    the same way: detections in order of score each take the free box that they overlap most.
    All detections over the threshold are looked at, however many an image has. Raises `DataError`
    where the detector returned too little to count at the threshold.
    """
    require_threshold(detections, score_threshold)
    columns = columns_of(dataset, detections)
    over = np.flatnonzero(columns.dt_score > score_threshold)
    columns = _some(columns, np.arange(len(columns.gt_row)), over)
    n = len(columns.classes)
    thresholds = np.array([MATCH_IOU])
    matches = match(candidates_of(columns, thresholds=thresholds))
    of_box = np.full(len(columns.gt_row), UNMATCHED, dtype=np.int64)
    detection = matches.candidates.detection
    hits = matches.hits()
    of_box[matches.gt[0, hits]] = detection[hits]

    free = np.flatnonzero(~matches.gt_ignored & (of_box == UNMATCHED))
    false = np.sort(detection[matches.false()])
    # Only the few that have a free box near need to be put in order.
    free_image = np.full(len(columns.gt_row), -1)
    free_image[free] = columns.gt_image[free]
    near, _, _ = overlapping(columns, false, MATCH_IOU, columns.dt_image[false], free_image)
    false = false[np.unique(near)]
    left = _as_one_class(_some(columns, free, false))
    across = match(candidates_of(left, thresholds=thresholds))
    hits = across.hits()
    of_box[free[across.gt[0, hits]]] = false[across.candidates.detection[hits]]

    boxes = np.flatnonzero(~matches.gt_ignored)
    chosen = of_box[boxes]
    column = np.full(len(chosen), n)
    column[chosen != UNMATCHED] = columns.dt_category[chosen[chosen != UNMATCHED]]
    alone = np.ones(len(columns.dt_row), dtype=np.bool_)
    alone[chosen[chosen != UNMATCHED]] = False
    alone[detection[matches.ignored[0]]] = False
    matrix = np.bincount(
        columns.gt_category[boxes] * (n + 1) + column, minlength=(n + 1) ** 2
    ).reshape(n + 1, n + 1)
    matrix[n, :n] = np.bincount(columns.dt_category[alone], minlength=n)
    return Confusion(
        classes=columns.classes,
        score_threshold=score_threshold,
        matrix=matrix,
        in_crowds=np.bincount(columns.dt_category[detection[matches.ignored[0]]], minlength=n),
        unknown=int(np.count_nonzero(detections.score > score_threshold)) - len(over),
    )


def _some(columns: Columns, gt: NDArray[np.int64], dt: NDArray[np.int64]) -> Columns:
    """Some of the ground truth and of the detections."""
    rows = {"gt_": gt, "dt_": dt}
    return dataclasses.replace(
        columns,
        **{
            field.name: getattr(columns, field.name)[rows[field.name[:3]]]
            for field in dataclasses.fields(columns)
            if field.name[:3] in rows
        },
    )


def _as_one_class(columns: Columns) -> Columns:
    return dataclasses.replace(
        columns,
        classes=("any",),
        gt_category=np.zeros_like(columns.gt_category),
        dt_category=np.zeros_like(columns.dt_category),
    )
