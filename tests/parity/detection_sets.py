"""Random sets on which a detector makes errors of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable

CLASSES = ("person", "cone", "helmet")


def detection_set(
    seed: int, *, detections: int = 400, images: int = 15, digits: int = 8, crowds: bool = True
) -> tuple[Dataset, DetectionTable]:
    """80 boxes on all but 3 of the images, and detections around them or elsewhere.

    Scores are rounded to so many `digits`: few make many ties.
    """
    random = np.random.default_rng(seed)
    boxes = 80
    ids = random.permutation(10_000)[:images].astype(np.int64)
    image = random.integers(0, images - 3, boxes)
    category = random.integers(0, len(CLASSES), boxes)
    xywh = np.round(random.random((boxes, 4)) * [150, 150, 100, 100] + 5, 2)
    dataset = Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=ids,
            file_name=np.array([f"{number}.jpg" for number in ids], dtype=object),
            width=np.full(images, 300.0),
            height=np.full(images, 300.0),
        ),
        boxes=BoxTable(
            id=np.arange(boxes),
            image_id=ids[image],
            category_id=category + 1,
            image=image,
            category=category,
            xywh=xywh,
            area=xywh[:, 2] * xywh[:, 3],
            crowd=(random.random(boxes) < 0.1) & crowds,
        ),
        classes=CLASSES,
        category_id=(1, 2, 3),
    )
    source = random.integers(0, boxes, detections)
    elsewhere = random.random(detections) < 0.2
    mistaken = random.random(detections) < 0.3
    error = random.normal(0, 1, (detections, 4)) * random.choice([2, 15, 40], (detections, 1))
    detected = DetectionTable(
        classes=CLASSES,
        image=np.where(elsewhere, random.integers(0, images, detections), image[source]),
        category=np.where(mistaken, random.integers(0, len(CLASSES), detections), category[source]),
        xywh=np.abs(xywh[source] + error),
        score=np.round(random.random(detections), digits),
    )
    return dataset, detected
