"""Recall and thresholds, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.metrics.operating_point import (
    RecallCurve,
    count_over,
    false_scores,
    recall_curve,
)
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json
from tests.parity.reference import by_pycocotools, random_set

CLASSES = ["helmet_off", "no_vest"]
IMAGES: dict[str, list[Any]] = {
    "a.jpg": [("helmet_off", 0, 0, 20, 20), ("no_vest", 50, 50, 20, 20)],
    "b.jpg": [("helmet_off", 0, 0, 20, 20), ("helmet_off", 60, 0, 20, 20)],
}
# Of 3 + 1 boxes 2 + 1 are found; the second detection at 0.9 finds nothing.
DETECTIONS: dict[str, list[Any]] = {
    "a.jpg": [
        ("helmet_off", 0.8, 0, 0, 20, 20),
        ("helmet_off", 0.9, 40, 0, 20, 20),
        ("no_vest", 0.6, 50, 50, 20, 20),
    ],
    "b.jpg": [("helmet_off", 0.4, 0, 0, 20, 20)],
}


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Dataset, DetectionTable]:
    truth = write_json(tmp_path / "val.json", coco_content(IMAGES, CLASSES))
    results_path = write_json(tmp_path / "found.json", result_rows(IMAGES, DETECTIONS, CLASSES))
    dataset = read_coco(truth, tmp_path, "val")
    return dataset, read_results(results_path, dataset)


@pytest.fixture
def matches(tables: tuple[Dataset, DetectionTable]) -> Matches:
    return match(candidates_of(columns_of(*tables)))


def test_recall_of_all_classes_and_of_each(matches: Matches) -> None:
    together, helmet, vest = (recall_curve(matches, category) for category in (None, 0, 1))

    assert together is not None
    assert helmet is not None
    assert vest is not None
    assert [together.recall(threshold) for threshold in (0.3, 0.5, 0.7, 0.8)] == [
        0.75,
        0.5,
        0.25,
        0,
    ]
    assert [helmet.recall(threshold) for threshold in (0.3, 0.5, 0.8)] == [2 / 3, 1 / 3, 0]
    assert [vest.count_found(threshold) for threshold in (0.5, 0.6)] == [1, 0]


def test_threshold_for_recall_ends_with_the_last_box(
    matches: Matches,
) -> None:
    """Threshold for recall lets the last box through and nothing below it."""
    curve = recall_curve(matches)
    assert curve is not None

    half = curve.threshold_for_recall(0.5)

    assert half is not None
    assert half == np.nextafter(0.6, 0)
    assert curve.recall(half) == 0.5
    assert curve.threshold_for_recall(0.26) == half
    assert curve.threshold_for_recall(0.25) == np.nextafter(0.8, 0)
    assert curve.threshold_for_recall(0.76) is None
    assert curve.threshold_for_recall(0) == math.inf


def test_recall_of_another_curve_is_met_exactly() -> None:
    """7/49 and its like have no exact float; equal counts must still be equal recalls."""
    for boxes in range(1, 60):
        curve = RecallCurve(np.linspace(1, 0.5, boxes, dtype=np.float64), boxes)
        for count in range(1, boxes + 1):
            threshold = curve.threshold_for_recall(count / boxes)
            assert threshold is not None
            assert curve.count_found(threshold) == count


def test_threshold_is_never_below_what_the_detector_keeps() -> None:
    curve = RecallCurve(np.array([0.9, 0.3, 0.05]), 4, score_floor=0.05)

    assert curve.threshold_for_recall(0.5) == np.nextafter(0.3, 0)
    assert curve.threshold_for_recall(0.75) is None


def test_class_without_boxes_has_no_recall(tmp_path: Path) -> None:
    dataset, detections = random_set(0)

    matches = match(candidates_of(columns_of(dataset, detections)))

    assert recall_curve(matches, 2) is None


def test_false_scores_are_all_that_match_nothing_best_first(
    tables: tuple[Dataset, DetectionTable],
) -> None:
    assert false_scores(*tables).tolist() == [0.9]


def test_over_a_threshold_is_strictly_over() -> None:
    score = np.array([0.9, 0.5, 0.5, 0.2])

    counts = [
        count_over(score, threshold) for threshold in (math.inf, 0.9, 0.6, 0.5, 0.2, 0.1, -math.inf)
    ]
    assert counts == [0, 0, 1, 1, 3, 4, 4]


@pytest.mark.parametrize("seed", range(8))
def test_recall_at_the_lowest_threshold_is_that_of_pycocotools(seed: int) -> None:
    dataset, detections = random_set(seed)
    evaluation = by_pycocotools(dataset, detections)
    matches = match(candidates_of(columns_of(dataset, detections)))

    for category in range(2):
        for number, iou in ((0, 0.5), (5, 0.75)):
            curve = recall_curve(matches, category, iou=iou)
            assert curve is not None
            expected = evaluation.eval["recall"][number, category, 0, -1]
            assert curve.recall(-1) == pytest.approx(expected, abs=1e-12)
