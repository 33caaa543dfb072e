"""False boxes: detections at the operating point that no allowed box explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import DataError
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import candidates_of, match

MATCH_IOU = 0.5


def false_boxes(
    dataset: Dataset, detections: DetectionTable, score_threshold: float
) -> NDArray[np.int64]:
    """Rows of the detections with score > threshold that match no allowed box, best score first.

    Matching is one to one by class name at IoU ≥ 0.5: detections in order of score, each takes
    the free allowed box that it overlaps most. A crowd region explains every detection of its
    class that is in it by half. So the false boxes over a higher threshold are the first of
    those over a lower one.
    """
    require_threshold(detections, score_threshold)
    over = np.flatnonzero(detections.score > score_threshold)
    rows = over[np.argsort(-detections.score[over], kind="stable")]
    if not len(dataset.boxes):
        return rows
    candidates = candidates_of(columns_of(dataset, detections), thresholds=np.array([MATCH_IOU]))
    false = np.ones(len(detections), dtype=np.bool_)
    false[candidates.columns.dt_row[candidates.detection]] = match(candidates).false()
    return rows[false[rows]]


def require_threshold(detections: DetectionTable, score_threshold: float) -> None:
    """Raise `DataError` where the detector returned too little to count at a threshold."""
    if score_threshold < detections.score_floor:
        raise DataError(
            f"the detector keeps no box below score {detections.score_floor:g}, so boxes over "
            f"{score_threshold:g} cannot be counted; lower score_thr in its test settings"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """`false` (D,) marks detections that match no box, nor are in a crowd region of their class;
    `found_at` (G,) is the score of the detection that matches each box, NaN where none does."""

    false: NDArray[np.bool_]
    found_at: NDArray[np.float64]


def explained(dataset: Dataset, detections: DetectionTable) -> Explained:
    """Match all detections as `false_boxes` does: one to one by class name at IoU ≥ 0.5, the
    best score first, however many an image has."""
    false = np.ones(len(detections), dtype=np.bool_)
    found_at = np.full(len(dataset.boxes), np.nan)
    if len(dataset.boxes) and len(detections):
        columns = columns_of(dataset, detections)
        candidates = candidates_of(columns, thresholds=np.array([MATCH_IOU]))
        matches = match(candidates)
        false[columns.dt_row[candidates.detection]] = matches.false()
        hits = matches.hits()
        found_at[columns.gt_row[matches.gt[0, hits]]] = candidates.score[hits]
    return Explained(false, found_at)
