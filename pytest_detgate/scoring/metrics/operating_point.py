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
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.false_boxes import MATCH_IOU, false_boxes
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.precision_recall import boxes_to_find, rows_of_class
from pytest_detgate.scoring.score_card import threshold_number


@dataclass(frozen=True, slots=True, eq=False)
class RecallCurve:
    """Recall as a function of the score threshold.

    `score` (n,) are the scores of the true positives, best first; `boxes` ≥ 1 is the ground truth
    that could be found. `score_floor` is the score below which the detector returned nothing: about
    a lower threshold nothing is known.
    """

    score: NDArray[np.float64]
    boxes: int
    score_floor: float = 0.0

    def count_found(self, threshold: float) -> int:
        """How many boxes are found with score > threshold."""
        return count_over(self.score, threshold)

    def recall(self, threshold: float) -> float:
        """The share of the boxes that is found with score > threshold."""
        return self.count_found(threshold) / self.boxes

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


@dataclass(frozen=True, slots=True, eq=False)
class FalseBoxCurve:
    """False boxes of a probe as a function of the score threshold.

    `score` (n,) falls; `image` (n,) is the frame of each. `images` (n,) is how many different
    frames hold the first of them, `clips` (n,) how many different clips.
    """

    score: NDArray[np.float64]
    image: NDArray[np.int64]
    images: NDArray[np.int64]
    clips: NDArray[np.int64]

    def boxes_over(self, threshold: float) -> int:
        """How many false boxes have score > threshold."""
        return count_over(self.score, threshold)

    def images_over(self, threshold: float) -> int:
        """How many frames hold a false box with score > threshold."""
        count = self.boxes_over(threshold)
        return int(self.images[count - 1]) if count else 0

    def clips_over(self, threshold: float) -> int:
        """How many clips hold a false box with score > threshold."""
        count = self.boxes_over(threshold)
        return int(self.clips[count - 1]) if count else 0

    def lowest_threshold(
        self, max_boxes: int | None, max_images: int | None = None, max_clips: int | None = None
    ) -> float:
        """The lowest threshold that keeps a budget: the score of the first box that is one too
        many, which is left out at it and counts at any lower one; 0 where none is."""
        positions = [len(self.score)]
        if max_boxes is not None:
            positions.append(max_boxes)
        if max_images is not None:
            positions.append(int(np.searchsorted(self.images, max_images, side="right")))
        if max_clips is not None:
            positions.append(int(np.searchsorted(self.clips, max_clips, side="right")))
        first = min(positions)
        return float(self.score[first]) if first < len(self.score) else 0.0


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


def false_box_curve(dataset: Dataset, detections: DetectionTable, units: Units) -> FalseBoxCurve:
    """All false boxes that the detector returned on a probe of these clips (see `false_boxes`)."""
    rows = false_boxes(dataset, detections, detections.score_floor)
    image = detections.image[rows]
    return FalseBoxCurve(
        detections.score[rows], image, _different(image), _different(units.of_image[image])
    )


def _different(of: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) how many different values there are up to each."""
    is_first = np.zeros(len(of), dtype=np.int64)
    is_first[np.unique(of, return_index=True)[1]] = 1
    return np.cumsum(is_first)


def false_scores(dataset: Dataset, detections: DetectionTable) -> NDArray[np.float64]:
    """(n,) scores of all false boxes that the detector returned, best first (see `false_boxes`)."""
    return detections.score[false_boxes(dataset, detections, detections.score_floor)]


def count_over(score: NDArray[np.float64], threshold: float) -> int:
    """How many of the scores, best first, are above a threshold."""
    return int(np.searchsorted(-score, -threshold, side="left"))
