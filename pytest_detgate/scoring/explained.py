"""Which detections an allowed box explains, and which detection finds each box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.false_boxes import MATCH_IOU
from pytest_detgate.scoring.matching import candidates_of, match


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
