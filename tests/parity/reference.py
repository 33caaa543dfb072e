"""Random sets, and what pycocotools makes of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable

CLASSES = ("person", "cone", "never_there")


def random_set(
    seed: int, *, images: int = 12, boxes: int = 30, hits: int = 80
) -> tuple[Dataset, DetectionTable]:
    """A split and detections with crowds, empty images, an absent class and ties in score."""
    random = np.random.default_rng(seed)
    ids = np.sort(random.choice(10_000, images, replace=False)).astype(np.int64)
    xywh = np.round(random.random((boxes, 4)) * [60, 60, 140, 140] + 1, 1)
    near = xywh[random.integers(0, boxes, hits)] + random.normal(0, 6, (hits, 4))
    image = random.integers(0, max(images // 2, 1), boxes)  # half of the images are empty
    category = random.integers(0, 2, boxes)
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
            area=xywh[:, 2] * xywh[:, 3] * random.choice([1.0, 0.6], boxes),
            crowd=random.random(boxes) < 0.15,
        ),
        classes=CLASSES,
        category_id=(1, 2, 3),
    )
    detections = DetectionTable(
        classes=CLASSES,
        image=random.integers(0, images, hits),
        category=random.integers(0, 3, hits),
        xywh=np.abs(near),
        score=np.round(random.random(hits), 1),
    )
    return dataset, detections


def by_pycocotools(
    dataset: Dataset,
    detections: DetectionTable,
    image_rows: Sequence[int] | None = None,
    max_detections: Sequence[int] = (1, 10, 100),
) -> Any:
    """pycocotools' evaluation of some of the images, or of all; a row that is given several times
    stands in the files several times."""
    rows = range(len(dataset.images)) if image_rows is None else image_rows
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        images.append({"id": number})
        for index in np.flatnonzero(dataset.boxes.image == row).tolist():
            annotations.append(
                {
                    # Not 0: pycocotools takes a match with id 0 for a miss.
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(dataset.boxes.category_id[index]),
                    "bbox": dataset.boxes.xywh[index].tolist(),
                    "area": float(dataset.boxes.area[index]),
                    "iscrowd": int(dataset.boxes.crowd[index]),
                }
            )
        for index in np.flatnonzero(detections.image == row).tolist():
            results.append(
                {
                    "image_id": number,
                    "category_id": int(detections.category[index]) + 1,
                    "bbox": detections.xywh[index].tolist(),
                    "score": float(detections.score[index]),
                }
            )
    truth = COCO()
    truth.dataset = {
        "images": images,
        "categories": [{"id": number} for number in (1, 2, 3)],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = list(max_detections)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation
