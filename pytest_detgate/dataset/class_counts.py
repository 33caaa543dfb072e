"""How often each class occurs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset

_TABLE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """(classes,) number of boxes, and of images with at least one, of each class."""

    boxes: NDArray[np.int64]
    images: NDArray[np.int64]


def class_counts(dataset: Dataset) -> ClassCounts:
    """Count the boxes of images and classes that are listed, crowd regions left out."""
    boxes, n = dataset.boxes, len(dataset.classes)
    counted = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    image, category = boxes.image[counted], boxes.category[counted]
    if n * len(dataset.images) <= _TABLE_BYTES:
        occurs = np.zeros((n, len(dataset.images)), dtype=np.bool_)
        occurs[category, image] = True
        images = np.count_nonzero(occurs, axis=1)
    else:
        once = np.unique(image * n + category)
        images = np.bincount(once % n, minlength=n)
    return ClassCounts(boxes=np.bincount(category, minlength=n), images=np.asarray(images))
