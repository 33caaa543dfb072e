"""Detections beside the ground truth of their image."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.wrong_results import truth_pairs as module
from pytest_detgate.scoring.wrong_results.class_order import other_order
from pytest_detgate.scoring.wrong_results.truth_pairs import truth_pairs

IMAGES = 8


def dataset_of(xywh: list[float]) -> Dataset:
    """Eight images with the same box on each."""
    rows = np.arange(IMAGES)
    return Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=rows,
            file_name=np.array([f"{row}.jpg" for row in rows], dtype=object),
            width=np.full(IMAGES, 100.0),
            height=np.full(IMAGES, 80.0),
        ),
        boxes=BoxTable(
            id=rows,
            image_id=rows,
            category_id=np.ones(IMAGES, dtype=np.int64),
            image=rows,
            category=np.zeros(IMAGES, dtype=np.int64),
            xywh=np.tile(xywh, (IMAGES, 1)),
            area=np.full(IMAGES, 100.0),
            crowd=np.zeros(IMAGES, dtype=np.bool_),
        ),
        classes=("thing",),
    )


DETECTIONS = DetectionTable(
    classes=("thing",),
    image=np.repeat(np.arange(IMAGES), 2),
    category=np.zeros(2 * IMAGES, dtype=np.int64),
    xywh=np.tile([[10.0, 10.0, 10.0, 10.0], [60.0, 60.0, 9.0, 9.0]], (IMAGES, 1)),
    score=np.tile([0.9, 0.3], IMAGES),
)


def test_the_best_detection_of_each_image_is_beside_its_box() -> None:
    """As many as there are boxes: one. It covers half of the box and half of itself: 50 / 150."""
    pairs = truth_pairs(dataset_of([15.0, 10.0, 10.0, 10.0]), DETECTIONS)

    assert pairs.image.tolist() == list(range(IMAGES))
    assert pairs.row.tolist() == list(range(0, 2 * IMAGES, 2))
    assert pairs.best(pairs.xywh) == pytest.approx([1 / 3] * IMAGES)


def test_of_too_many_pairs_those_of_every_third_image_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """8 pairs where 4 are allowed: 1 + 8 // 4 = 3."""
    monkeypatch.setattr(module, "_MOST_PAIRS", 4)

    pairs = truth_pairs(dataset_of([10.0, 10.0, 10.0, 10.0]), DETECTIONS)

    assert pairs.image.tolist() == [0, 3, 6]
    assert pairs.best(pairs.xywh).tolist() == [1.0, 1.0, 1.0]


def test_boxes_that_are_none_are_beside_nothing() -> None:
    pairs = truth_pairs(dataset_of([10.0, 10.0, 0.0, 10.0]), DETECTIONS)

    assert len(pairs) == 0
    assert pairs.best(pairs.xywh).tolist() == []


def test_nothing_to_pair_says_nothing_of_the_classes() -> None:
    """The boxes are on other images than the detections."""
    nowhere = dataclasses.replace(DETECTIONS, image=np.arange(0, dtype=np.int64))
    empty = dataclasses.replace(
        nowhere,
        category=DETECTIONS.category[:0],
        xywh=DETECTIONS.xywh[:0],
        score=DETECTIONS.score[:0],
    )
    pairs = truth_pairs(dataset_of([15.0, 10.0, 10.0, 10.0]), empty)

    assert len(pairs) == 0
    assert other_order(pairs, empty.category, ["thing"], ["thing"]) is None
