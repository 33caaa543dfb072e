"""The best detections of each image beside the ground truth of that image, of any class.

They tell whether detections are written in another form than the ground truth: as many detections
are taken as there are boxes, because of many boxes with low scores some fit in any form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import Boxes, area, drawable, paired_intersection
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable

MOST_OF_IMAGE = 20
_MOST_PAIRS = 40_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TruthPairs:
    """The best detections and the boxes of their images.

    `row` (n,) rows of the detections, `image` (n,) rows of their images, `size` (n, 2) width and
    height of those, NaN where they are not known, `xywh` (n, 4) as they are written, not cut at the
    edges of their images. A pair is a
    detection, `detection` (p,) in 0..n, and a box of its image, `truth` (p, 4) of the class
    `category` (p,); the pairs of a detection follow each other from `start` (n,) on.
    """

    row: NDArray[np.int64]
    image: NDArray[np.int64]
    size: NDArray[np.float64]
    xywh: Boxes
    detection: NDArray[np.int64]
    truth: Boxes
    category: NDArray[np.int64]
    start: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def iou(self, xywh: Boxes) -> NDArray[np.float64]:
        """(p,) IoU of each pair, with these boxes in place of the detections'."""
        boxes = xywh[self.detection]
        with np.errstate(invalid="ignore", over="ignore"):
            shared = paired_intersection(boxes, self.truth)
            union = area(boxes) + area(self.truth) - shared
            is_box = (boxes[:, 2:] > 0).all(axis=1) & (union > 0)
            return np.divide(shared, union, out=np.zeros(len(shared)), where=is_box)

    def best(self, xywh: Boxes) -> NDArray[np.float64]:
        """(n,) the best IoU of each detection with a box of its image, with these boxes."""
        if not len(self):
            return np.zeros(0)
        return np.asarray(np.maximum.reduceat(self.iou(xywh), self.start))


def truth_pairs(dataset: Dataset, detections: DetectionTable) -> TruthPairs:
    """Pair the best detections of each image, as many as it has boxes, with its boxes.

    Crowd regions and boxes that are none count as no ground truth. Of very many images some are
    taken, evenly over the file.
    """
    boxes, images = dataset.boxes, len(dataset.images)
    usable = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    usable &= drawable(boxes.xywh) & (boxes.xywh[:, 2:] > 0).all(axis=1)
    truth = np.flatnonzero(usable)
    truth = truth[np.argsort(boxes.image[truth], kind="stable")]
    count = np.bincount(boxes.image[truth], minlength=images)
    first = np.cumsum(count) - count
    order = np.lexsort((-detections.score, detections.image))
    image = detections.image[order]
    rank = np.arange(len(order)) - np.searchsorted(image, image)
    row = order[rank < np.minimum(count, MOST_OF_IMAGE)[image]]
    step = 1 + int(count[detections.image[row]].sum()) // _MOST_PAIRS
    if step > 1:
        with_some = np.unique(detections.image[row])
        row = row[np.isin(detections.image[row], with_some[::step])]
    image = detections.image[row]
    several = count[image]
    start = np.cumsum(several) - several
    detection = np.repeat(np.arange(len(row)), several)
    beside = truth[first[image][detection] + np.arange(several.sum()) - start[detection]]
    return TruthPairs(
        row=row,
        image=image,
        size=np.column_stack([dataset.images.width[image], dataset.images.height[image]]),
        xywh=(detections.xywh if detections.uncut is None else detections.uncut)[row],
        detection=detection,
        truth=boxes.xywh[beside],
        category=boxes.category[beside],
        start=start,
    )
