"""Recall and false boxes at every score threshold, and the threshold that a recall asks for.

A box counts when score > threshold. Detections are matched in order of score, so those over a
threshold match the same boxes whether or not the ones below it are there: one matching answers for
every threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.false_boxes import MATCH_IOU, false_boxes
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.precision_recall import boxes_to_find, rows_of_class
from pytest_detgate.scoring.score_card import threshold_number


@dataclass(frozen=True, slots=True, eq=False)
class RecallCurve:
    """Recall as a function of the score threshold.

    `score` (n,) are the scores of the true positives, best first; `boxes` ≥ 1 is the ground truth
    that could be found. `score_floor` is the score below which the detector kept nothing, so that
    nothing can be said of a lower threshold.
    """

    score: NDArray[np.float64]
    boxes: int
    score_floor: float = 0.0

    def found(self, threshold: float) -> int:
        """How many boxes are found with score > threshold."""
        return count_over(self.score, threshold)

    def recall(self, threshold: float) -> float:
        """The share of the boxes that is found with score > threshold."""
        return self.found(threshold) / self.boxes

    def threshold_for_recall(self, recall: float) -> float | None:
        """The highest threshold at which the recall is reached: just below the score of the last
        box that it takes.

        None where it is not reached at any threshold that the detector's own floor allows;
        infinite for a recall of 0.
        """
        reached = np.arange(len(self.score) + 1) / self.boxes
        needed = int(np.searchsorted(reached, recall, side="left"))
        if needed == 0:
            return math.inf
        if needed > len(self.score) or self.score[needed - 1] <= self.score_floor:
            return None
        return float(np.nextafter(self.score[needed - 1], -math.inf))


def recall_curve(
    matches: Matches,
    category: int | None = None,
    *,
    iou: float = MATCH_IOU,
    score_floor: float = 0.0,
) -> RecallCurve | None:
    """Recall of one class, or of the boxes of all classes together, at one of COCO's IoU
    thresholds; None where there is no box to find."""
    candidates = matches.candidates
    n_classes = len(candidates.columns.classes)
    categories = range(n_classes) if category is None else [category]
    boxes = int(boxes_to_find(matches)[list(categories)].sum())
    if not boxes:
        return None
    hits = matches.hits(threshold_number(iou))
    rows = np.concatenate([rows_of_class(matches, number) for number in categories])
    score = candidates.score[rows[hits[rows]]]
    return RecallCurve(np.sort(score)[::-1], boxes, score_floor)


def false_scores(dataset: Dataset, detections: DetectionTable) -> NDArray[np.float64]:
    """(n,) scores of all false boxes that the detector kept, best first (see `false_boxes`)."""
    return detections.score[false_boxes(dataset, detections, detections.score_floor)]


def count_over(score: NDArray[np.float64], threshold: float) -> int:
    """How many of the scores, best first, are above a threshold."""
    return int(np.searchsorted(-score, -threshold, side="left"))
