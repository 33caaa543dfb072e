"""False boxes: detections at the operating point that no allowed box explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import covered, iou
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import DataError

MATCH_IOU = 0.5


def false_boxes(
    dataset: Dataset, detections: DetectionTable, score_threshold: float
) -> NDArray[np.int64]:
    """Rows of the detections with score > threshold that match no allowed box, best score first.

    Matching is one to one by class name at IoU ≥ 0.5: detections in order of score, each takes
    the free allowed box that it overlaps most. A crowd region explains every detection of its
    class that lies in it by half.
    """
    if score_threshold < detections.score_floor:
        raise DataError(
            f"the detector keeps no box below score {detections.score_floor:g}, so boxes over "
            f"{score_threshold:g} cannot be counted; lower score_thr in its test settings"
        )
    over = np.flatnonzero(detections.score > score_threshold)
    rows = over[np.argsort(-detections.score[over], kind="stable")]
    if not len(dataset.boxes):
        return rows
    explained = np.zeros(len(detections), dtype=np.bool_)
    for image in np.intersect1d(detections.image[rows], dataset.boxes.image):
        of_image = rows[detections.image[rows] == image]
        allowed = np.flatnonzero(dataset.boxes.image == image)
        for category in np.unique(detections.category[of_image]):
            name = detections.classes[category]
            if name not in dataset.classes:
                continue
            found = of_image[detections.category[of_image] == category]
            same = allowed[dataset.boxes.category[allowed] == dataset.classes.index(name)]
            explained[found] = _explained(
                detections.xywh[found], dataset.boxes.xywh[same], dataset.boxes.crowd[same]
            )
    return rows[~explained[rows]]


def _explained(
    found: NDArray[np.float64], allowed: NDArray[np.float64], crowd: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n,) whether each found box, best score first, is explained by an allowed one."""
    overlap = iou(found, allowed[~crowd])
    free = np.ones(overlap.shape[1], dtype=np.bool_)
    in_crowd = covered(found, allowed[crowd]) >= MATCH_IOU
    explained: NDArray[np.bool_] = np.any(in_crowd, axis=1)
    for at, row in enumerate(overlap):
        candidates = np.where(free, row, 0.0)
        if candidates.size and candidates.max() >= MATCH_IOU:
            free[candidates.argmax()] = False
            explained[at] = True
    return explained
