"""A detector that never looks at an image: on each it finds the mean boxes of a training split."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.scoring.false_boxes import MATCH_IOU

_SEED = 0

Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MeanBoxes:
    """Mean boxes of one class: `xywh` (n, 4) in shares of the image, and `score` (n,) the share of
    the training images on which each matches a box of the class, at IoU ≥ 0.5."""

    xywh: Boxes
    score: NDArray[np.float64]


def mean_boxes(xywh: Boxes, image: NDArray[np.int64], images: int, number: int) -> MeanBoxes:
    """Return up to `number` mean boxes of some boxes in shares of their image, (n, 4), of the
    images at rows `image` (n,) of `images`. Boxes are divided by k-means of their four edges."""
    centres = _centres(xywh, number)
    matched = geometry.iou(centres, xywh) >= MATCH_IOU
    score = np.array([len(np.unique(image[row])) / images for row in matched])
    return MeanBoxes(centres, score)


def trivial_detections(
    training: Dataset,
    training_sizes: NDArray[np.float64],
    tested: Dataset,
    tested_sizes: NDArray[np.float64],
    number: int,
    group: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> DetectionTable:
    """Return what such a detector finds on a tested split.

    `training_sizes` and `tested_sizes` (images, 2) are width and height of the images. `group` is
    the number of the camera, or what else the detector knows of them, of the images of both; an
    image of a group without training images gets the boxes of them all.
    """
    boxes = training.boxes
    usable = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    usable &= np.isfinite(boxes.xywh).all(axis=1)
    rows = np.flatnonzero(usable)
    scale = np.tile(training_sizes[boxes.image[rows]], 2)
    shares = boxes.xywh[rows] / scale
    known = np.isfinite(shares).all(axis=1)
    rows, shares = rows[known], shares[known]
    of_training, of_tested = group or (
        np.zeros(len(training.images), np.int64),
        np.zeros(len(tested.images), np.int64),
    )
    parts = []
    for value in np.unique(of_tested).tolist():
        inside = of_training == value
        if not inside.any():
            inside = np.ones(len(of_training), dtype=np.bool_)
        is_inside = inside[boxes.image[rows]]
        images = np.flatnonzero(of_tested == value)
        for category in np.unique(boxes.category[rows[is_inside]]).tolist():
            own = is_inside & (boxes.category[rows] == category)
            means = mean_boxes(shares[own], boxes.image[rows[own]], int(inside.sum()), number)
            parts.append(_on_images(images, category, means, tested_sizes))
    image, category, xywh, score = (
        np.concatenate([part[column] for part in parts]) if parts else np.empty(shape)
        for column, shape in enumerate(((0,), (0,), (0, 4), (0,)))
    )
    return DetectionTable(
        # A class without training boxes is known, and never found.
        classes=tuple(dict.fromkeys((*training.classes, *tested.classes))),
        image=image.astype(np.int64),
        category=category.astype(np.int64),
        xywh=xywh,
        score=score,
    )


def _on_images(
    images: NDArray[np.int64], category: int, means: MeanBoxes, sizes: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Boxes, NDArray[np.float64]]:
    count = len(means.score)
    scale = np.tile(sizes[images], 2)
    xywh = (means.xywh[None] * scale[:, None]).reshape(-1, 4)
    number = len(images) * count
    return (
        np.repeat(images, count),
        np.full(number, category, dtype=np.int64),
        xywh,
        np.tile(means.score, len(images)),
    )


def _centres(xywh: Boxes, number: int) -> Boxes:
    from scipy.cluster.vq import kmeans2

    corners = np.column_stack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
    distinct = np.unique(corners, axis=0)
    if len(distinct) <= number:
        centres = distinct
    elif number == 1:
        centres = corners.mean(axis=0, keepdims=True)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a group that lost all its boxes
            _, label = kmeans2(corners, number, minit="++", seed=_SEED)
        centres = np.array([corners[label == group].mean(axis=0) for group in np.unique(label)])
    return np.column_stack([centres[:, :2], centres[:, 2:] - centres[:, :2]])
