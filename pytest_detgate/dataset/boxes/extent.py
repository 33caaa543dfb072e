"""How far boxes reach over the edge of their image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset

_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class BoxExtent:
    """For each box of a data set:

    `over` (n,) float64 pixels that it sticks out on its worst side, 0 for a box that lies inside,
    is not finite or has no image; `unsized` (n,) bool where its image has no known size.
    """

    dataset: Dataset
    over: NDArray[np.float64]
    unsized: NDArray[np.bool_]

    def wholly(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(rows,) whether a box that sticks out shares no point with its image."""
        images, boxes = self.dataset.images, self.dataset.boxes
        image = boxes.image[rows]
        low, high = _corners(boxes.xywh[rows])
        size = np.stack([images.width[image], images.height[image]], axis=1)
        return np.asarray(((low >= size) | (high <= 0)).any(axis=1))


def box_extent(dataset: Dataset) -> BoxExtent:
    """Measure every box that has an image and finite coordinates."""
    images, boxes = dataset.images, dataset.boxes
    known = (images.width > 0) & (images.height > 0)
    # One row more for boxes without an image, which `UNLISTED` reaches.
    width, height = (
        np.append(np.where(known, side, np.nan), np.inf) for side in (images.width, images.height)
    )
    over = np.zeros(len(boxes))
    unsized = np.zeros(len(boxes), dtype=np.bool_)
    # In pieces that stay in the cache: this is several times faster than whole columns.
    for start in range(0, len(boxes), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        image = boxes.image[part]
        x, y, w, h = np.ascontiguousarray(boxes.xywh[part].T)
        with np.errstate(invalid="ignore", over="ignore"):
            # One by one: the sum of large ones may be infinite.
            has_box = np.isfinite(x) & np.isfinite(y) & np.isfinite(w) & np.isfinite(h)
            has_box &= image != UNLISTED
            most = np.maximum(np.maximum(x, x + w) - width[image], -np.minimum(x, x + w))
            most = np.maximum(most, np.maximum(y, y + h) - height[image])
            most = np.maximum(most, -np.minimum(y, y + h))
            over[part] = np.where(has_box & (most > 0), most, 0)
        unsized[part] = np.isnan(width[image])
    return BoxExtent(dataset, over, unsized)


def _corners(xywh: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) the smaller and the larger corner, also of boxes of negative size."""
    with np.errstate(over="ignore"):
        other = xywh[:, :2] + xywh[:, 2:]
    return np.minimum(xywh[:, :2], other), np.maximum(xywh[:, :2], other)
