"""Detections of one class, matched with its boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.score_card import IOU_THRESHOLDS

Rows = NDArray[np.int64]
Boxes = NDArray[np.float64]


def one_class_matches(
    images: int,
    truth: tuple[Rows, Boxes],
    results: tuple[Rows, Boxes, Boxes],
    thresholds: Boxes = IOU_THRESHOLDS,
) -> Matches:
    """Match boxes on images of 100 × 100: `truth` has the image of each box and its x, y, width and
    height; `found` has the score of each, too."""
    image, xywh = truth
    rows, classes = np.arange(len(image)), ("thing",)
    dataset = Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=np.arange(images),
            file_name=np.array([f"{row}.jpg" for row in range(images)], dtype=object),
            width=np.full(images, 100.0),
            height=np.full(images, 100.0),
        ),
        boxes=BoxTable(
            id=rows,
            image_id=image,
            category_id=np.ones(len(rows), dtype=np.int64),
            image=image,
            category=np.zeros(len(rows), dtype=np.int64),
            xywh=xywh,
            area=xywh[:, 2] * xywh[:, 3],
            crowd=np.zeros(len(rows), dtype=np.bool_),
        ),
        classes=classes,
    )
    found_image, found_xywh, score = results
    detections = DetectionTable(
        classes=classes,
        image=found_image,
        category=np.zeros(len(found_image), dtype=np.int64),
        xywh=found_xywh,
        score=score,
    )
    return match(candidates_of(columns_of(dataset, detections), thresholds=thresholds))
