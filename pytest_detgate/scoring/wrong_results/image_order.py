"""Detections that are all on the image before or after their own.

Image numbers that count from another start give a result file whose ids all exist and whose boxes
are all on another image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.wrong_results.box_forms import (
    MIN_DETECTIONS_FITTED,
    MIN_IMAGES_FITTED,
    is_convincing,
)
from pytest_detgate.scoring.wrong_results.truth_pairs import TruthPairs, truth_pairs

MAX_AS_GIVEN = 0.3
"""Mean best IoU as given, over which no other image is tried."""


@dataclass(frozen=True, slots=True)
class OtherImages:
    """Detections that fit another image better: which, and the mean best IoU there and as given."""

    name: str
    iou: float
    iou_as_given: float

    def __str__(self) -> str:
        return (
            f"the detections of each image look like those of the {self.name}: mean best IoU "
            f"{self.iou:.2f} there against {self.iou_as_given:.2f} as given"
        )


def other_images(
    dataset: Dataset, detections: DetectionTable, pairs: TruthPairs
) -> OtherImages | None:
    """Return which neighbour of their image all detections seem to belong to, if they do. `pairs`
    are those of the detections as given."""
    given = _by_image(pairs, len(dataset.images))
    if np.nanmean(given) > MAX_AS_GIVEN:
        return None
    for shift, name in ((1, "next image"), (-1, "image before")):
        image = detections.image + shift
        rows = np.flatnonzero((image >= 0) & (image < len(dataset.images)))
        moved = truth_pairs(dataset, replace(detections.take(rows), image=image[rows]))
        if len(moved) < MIN_DETECTIONS_FITTED:
            continue
        chosen = _by_image(moved, len(dataset.images))
        # An image on which nothing is as given was not found there either.
        both = np.flatnonzero(~np.isnan(chosen))
        as_given = np.nan_to_num(given[both])
        if len(both) >= MIN_IMAGES_FITTED and is_convincing(both, chosen[both], as_given):
            return OtherImages(name, float(chosen[both].mean()), float(as_given.mean()))
    return None


def _by_image(pairs: TruthPairs, images: int) -> NDArray[np.float64]:
    """(images,) the mean best IoU of the detections of each image, NaN without any."""
    sums = np.bincount(pairs.image, weights=pairs.best(pairs.xywh), minlength=images)
    count = np.bincount(pairs.image, minlength=images)
    return np.asarray(np.divide(sums, count, out=np.full(images, np.nan), where=count > 0))
