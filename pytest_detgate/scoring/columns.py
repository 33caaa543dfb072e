"""Ground truth and detections of a split side by side, classes matched by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What is matched: G ground-truth boxes and D detections of known images and classes.

    `image_order` (images,) numbers the images in the order of their ids, which decides ties as
    pycocotools does on the file itself. `gt_image` and `dt_image` are rows of the image table,
    `gt_category` and `dt_category` indices into `classes`. `gt_row` and `dt_row` are the rows of
    the tables they were taken from, in their order.

    `gt_area` is between 0 and `boxes.MAX_AREA`: where the file gives none, or one outside of that,
    it is that of the box. COCO ignores boxes outside of it, with all that they would cost.
    """

    classes: tuple[str, ...]
    image_order: NDArray[np.int64]
    gt_row: NDArray[np.int64]
    gt_image: NDArray[np.int64]
    gt_category: NDArray[np.int64]
    gt_xywh: NDArray[np.float64]
    gt_area: NDArray[np.float64]
    gt_crowd: NDArray[np.bool_]
    dt_row: NDArray[np.int64]
    dt_image: NDArray[np.int64]
    dt_category: NDArray[np.int64]
    dt_xywh: NDArray[np.float64]
    dt_score: NDArray[np.float64]

    @property
    def n_images(self) -> int:
        return len(self.image_order)

    def boxes_of_classes(self) -> NDArray[np.int64]:
        """(K,) ground-truth boxes of each class, crowd regions left out."""
        return np.bincount(self.gt_category[~self.gt_crowd], minlength=len(self.classes))

    def detections_of_classes(self) -> NDArray[np.int64]:
        """(K,) detections of each class."""
        return np.bincount(self.dt_category, minlength=len(self.classes))

    def beyond(self, most: int) -> int:
        """How many detections are not among the `most` best of their image and class."""
        group = self.dt_category * self.n_images + self.dt_image
        _, counts = np.unique(group, return_counts=True)
        return int(np.maximum(counts - most, 0).sum())


def columns_of(dataset: Dataset, detections: DetectionTable) -> Columns:
    """Put ground truth and detections side by side.

    Boxes of an image or class that the file does not list, and detections of a class that the
    split does not know, are left out.
    """
    listed = np.flatnonzero(
        (dataset.boxes.image != UNLISTED) & (dataset.boxes.category != UNLISTED)
    )
    index = {
        name: index_of_name for index_of_name, name in reversed(list(enumerate(dataset.classes)))
    }
    to_split = np.array([index.get(name, -1) for name in detections.classes], dtype=np.int64)
    category = to_split[detections.category]
    known = np.flatnonzero(category >= 0)
    xywh = dataset.boxes.xywh[listed]
    area = dataset.boxes.area[listed]
    return Columns(
        classes=dataset.classes,
        image_order=_order_of_ids(dataset.images.id),
        gt_row=listed,
        gt_image=dataset.boxes.image[listed],
        gt_category=dataset.boxes.category[listed],
        gt_xywh=xywh,
        gt_area=np.where(
            geometry.usable_area(area),
            area,
            np.clip(np.nan_to_num(geometry.area(xywh)), 0, geometry.MAX_AREA),
        ),
        gt_crowd=dataset.boxes.crowd[listed],
        dt_row=known,
        dt_image=detections.image[known],
        dt_category=category[known],
        dt_xywh=detections.xywh[known],
        dt_score=detections.score[known],
    )


def _order_of_ids(ids: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) the place of each image in the order of the ids, from 0."""
    key = ids if ids.dtype == np.int64 else np.array([str(value) for value in ids.tolist()])
    position = np.empty(len(ids), dtype=np.int64)
    position[np.argsort(key, kind="stable")] = np.arange(len(ids))
    return position
