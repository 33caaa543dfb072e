"""Both engines against pycocotools on the raw numbers: crowds, empties, ties, absent classes."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.coco_evaluation import evaluate

CLASSES = ("person", "cone", "never_there")


def random_set(seed: int) -> tuple[Dataset, DetectionTable]:
    random = np.random.default_rng(seed)
    images, boxes, found = 12, 30, 80
    ids = np.sort(random.choice(10_000, images, replace=False)).astype(np.int64)
    xywh = np.round(random.random((boxes, 4)) * [60, 60, 140, 140] + 1, 1)
    near = xywh[random.integers(0, boxes, found)] + random.normal(0, 6, (found, 4))
    image = random.integers(0, images // 2, boxes)  # half of the images are empty
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
        image=random.integers(0, images, found),
        category=random.integers(0, 3, found),
        xywh=np.abs(near),
        score=np.round(random.random(found), 1),
    )
    return dataset, detections


@pytest.mark.parametrize("seed", range(20))
def test_arrays_equal_pycocotools(seed: int) -> None:
    dataset, detections = random_set(seed)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": int(number)} for number in dataset.images.id],
        "categories": [{"id": number} for number in (1, 2, 3)],
        "annotations": [
            {
                "id": row + 1,  # not 0: pycocotools takes a match with id 0 for a miss
                "image_id": int(dataset.boxes.image_id[row]),
                "category_id": int(dataset.boxes.category_id[row]),
                "bbox": dataset.boxes.xywh[row].tolist(),
                "area": float(dataset.boxes.area[row]),
                "iscrowd": int(dataset.boxes.crowd[row]),
            }
            for row in range(len(dataset.boxes))
        ],
    }
    found = [
        {
            "image_id": int(dataset.images.id[detections.image[row]]),
            "category_id": int(detections.category[row]) + 1,
            "bbox": detections.xywh[row].tolist(),
            "score": float(detections.score[row]),
        }
        for row in range(len(detections))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()

    card = evaluate(dataset, detections, "both")

    assert np.array_equal(card.precision, evaluation.eval["precision"])
    assert np.array_equal(card.recall, evaluation.eval["recall"])
    assert card.classes["never_there"].AP is None
