"""Precision and recall from matches, as pycocotools accumulates them (`COCOeval.accumulate`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.score_card import limits_of

RECALL_POINTS = np.linspace(0.0, 1.0, 101)


def precision_and_recall(
    matches: Matches,
    images: NDArray[np.bool_] | None = None,
    max_detections: Sequence[int] = limits_of(),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision (T, R, K, M) at the recall points, and the highest recall (T, K, M).

    Axes as in `ScoreCard`, for the one area range of the matches; −1 where a class has no ground
    truth. `images` (images,) restricts both to some of the images, without matching again.
    """
    n_classes = len(matches.candidates.columns.classes)
    shape = (len(matches.gt), len(RECALL_POINTS), n_classes, len(max_detections))
    precision = np.full(shape, -1.0)
    recall = np.full((shape[0], *shape[2:]), -1.0)
    boxes = boxes_to_find(matches, images)
    for category in range(n_classes):
        if not boxes[category]:
            continue
        rows = rows_of_class(matches, category, images)
        rank = matches.candidates.rank[rows]
        for limit, most in enumerate(max_detections):
            chosen = rows[rank < most]
            for threshold in range(len(matches.gt)):
                counted = chosen[~matches.ignored[threshold, chosen]]
                is_found = matches.gt[threshold, counted] >= 0
                points, highest = _curve(is_found, int(boxes[category]))
                precision[threshold, :, category, limit] = points
                recall[threshold, category, limit] = highest
    return precision, recall


def boxes_to_find(matches: Matches, images: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """(K,) ground-truth boxes of each class that count, of some of the images or of all."""
    columns = matches.candidates.columns
    counted = ~matches.gt_ignored
    if images is not None:
        counted &= images[columns.gt_image]
    return np.bincount(columns.gt_category[counted], minlength=len(columns.classes))


def rows_of_class(
    matches: Matches, category: int, images: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Places of a class's detections among the candidates, best score first."""
    first = matches.candidates.first
    rows = np.arange(first[category], first[category + 1])
    return rows if images is None else rows[images[matches.candidates.image[rows]]]


def _curve(is_found: NDArray[np.bool_], boxes: int) -> tuple[NDArray[np.float64], float]:
    """(R,) interpolated precision at the recall points, and the highest recall."""
    true = np.cumsum(is_found, dtype=np.float64)
    false = np.cumsum(~is_found, dtype=np.float64)
    recall = true / boxes
    precision = true / (false + true + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(recall, RECALL_POINTS, side="left")
    reached = index < len(envelope)
    points = np.zeros(len(RECALL_POINTS))
    points[reached] = envelope[index[reached]]
    return points, float(recall[-1]) if len(recall) else 0.0
