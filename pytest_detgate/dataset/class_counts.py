"""How often each class occurs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset

_TABLE_BYTES = 1 << 28
# Boxes that are counted at once: what is computed of them stays in the cache of a processor.
_AT_ONCE = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """(classes,) number of boxes, and of images with at least one, of each class."""

    boxes: NDArray[np.int64]
    images: NDArray[np.int64]


def class_counts(dataset: Dataset) -> ClassCounts:
    """Count the boxes of images and classes that are listed, crowd regions left out."""
    boxes, n = dataset.boxes, len(dataset.classes)
    counted = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    image, category = boxes.image, boxes.category
    if not counted.all():
        image, category = image[counted], category[counted]
    if n * len(dataset.images) <= _TABLE_BYTES:
        occurs = np.zeros(n * len(dataset.images), dtype=np.bool_)
        for start in range(0, len(image), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            occurs[category[part] * len(dataset.images) + image[part]] = True
        images = np.count_nonzero(occurs.reshape(n, len(dataset.images)), axis=1)
    else:
        once = np.unique(image * n + category)
        images = np.bincount(once % n, minlength=n)
    return ClassCounts(boxes=np.bincount(category, minlength=n), images=np.asarray(images))
