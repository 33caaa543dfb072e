"""The confusion matrix: worked out by hand, and its totals against the tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.errors import DataError
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from pytest_detgate.scoring.metrics.confusion import Confusion, confusion
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json
from tests.parity.detection_sets import CLASSES, detection_set

HELMETS = ("helmet_off", "no_vest")


@pytest.fixture
def confused(tmp_path: Path) -> Callable[..., Confusion]:
    """A function that makes the matrix of one image at a threshold of 0.3."""

    def confuse(boxes: list[Any], rows: list[Any], crowds: tuple[int, ...] = ()) -> Confusion:
        truth = {"a.jpg": boxes}
        content = coco_content(truth, HELMETS)
        for row in crowds:
            content["annotations"][row]["iscrowd"] = 1
        dataset = read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")
        results = result_rows(truth, {"a.jpg": rows}, HELMETS)
        detections = read_results(write_json(tmp_path / "found.json", results), dataset)
        return confusion(dataset, detections, 0.3)

    return confuse


def test_every_kind_of_entry(confused: Callable[..., Confusion]) -> None:
    """One found, one found as the other class, one not found, one false, one below 0.3."""
    confusions = confused(
        [
            ("helmet_off", 0, 0, 10, 10),
            ("helmet_off", 20, 0, 10, 10),
            ("no_vest", 40, 0, 10, 10),
        ],
        [
            ("helmet_off", 0.9, 0, 0, 10, 10),
            ("no_vest", 0.8, 20, 0, 10, 10),
            ("helmet_off", 0.7, 80, 80, 10, 10),
            ("no_vest", 0.3, 40, 0, 10, 10),
        ],
    )

    assert confusions.matrix.tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert confusions.unknown == 0


def test_nothing_over_the_threshold(confused: Callable[..., Confusion]) -> None:
    confusions = confused([("no_vest", 0, 0, 10, 10)], [("no_vest", 0.3, 0, 0, 10, 10)])

    assert confusions.matrix.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_nothing_to_find_and_nothing_found(confused: Callable[..., Confusion]) -> None:
    assert confused([], []).matrix.tolist() == [[0, 0, 0]] * 3


def test_own_class_comes_before_a_better_score(confused: Callable[..., Confusion]) -> None:
    """`no_vest` scores more and lies on the box exactly, and `helmet_off` is its class."""
    confusions = confused(
        [("helmet_off", 0, 0, 10, 10)],
        [("no_vest", 0.9, 0, 0, 10, 10), ("helmet_off", 0.5, 0, 0, 10, 8)],
    )

    assert confusions.matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_box_stands_for_one_detection_only(confused: Callable[..., Confusion]) -> None:
    """Two of another class on one box: the better one takes it, though it overlaps less."""
    confusions = confused(
        [("helmet_off", 0, 0, 10, 10)],
        [("no_vest", 0.5, 0, 0, 10, 10), ("no_vest", 0.9, 0, 0, 10, 8)],
    )

    assert confusions.matrix.tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_detections_in_a_crowd_of_their_class_are_counted_apart(
    confused: Callable[..., Confusion],
) -> None:
    confusions = confused(
        [("helmet_off", 0, 0, 50, 50)],
        [("helmet_off", 0.9, 0, 0, 10, 10), ("no_vest", 0.9, 0, 0, 10, 10)],
        crowds=(0,),
    )

    assert confusions.matrix.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert confusions.in_crowds.tolist() == [1, 0]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(8))
def test_totals(seed: int, threshold: float) -> None:
    """Rows sum to the ground truth, columns to the detections, the diagonal to the true positives
    that hotcoco finds: its recall times the ground truth."""
    dataset, detections = detection_set(seed, digits=2)
    over = np.flatnonzero(detections.score > threshold)
    remaining = DetectionTable(
        classes=detections.classes,
        image=detections.image[over],
        category=detections.category[over],
        xywh=detections.xywh[over],
        score=detections.score[over],
    )
    boxes = np.bincount(dataset.boxes.category[~dataset.boxes.crowd], minlength=len(CLASSES))

    confusions = confusion(dataset, detections, threshold)

    matrix = confusions.matrix
    assert matrix[:-1].sum(axis=1).tolist() == boxes.tolist()
    assert (matrix[:, :-1].sum(axis=0) + confusions.in_crowds).tolist() == np.bincount(
        remaining.category, minlength=len(CLASSES)
    ).tolist()
    true = evaluate(dataset, remaining).recall[0, :, 0, -1] * boxes
    assert matrix.diagonal()[:-1].tolist() == pytest.approx(true.tolist())
    assert matrix[-1, -1] == 0
    assert matrix[:-1, :-1].sum() > matrix.diagonal().sum()


def test_more_than_a_hundred_of_a_class_on_an_image() -> None:
    dataset, detections = detection_set(0, detections=3000, images=5)

    confusions = confusion(dataset, detections, 0.0)

    assert confusions.matrix[:, :-1].sum() + confusions.in_crowds.sum() == 3000


def test_detections_of_unknown_classes_are_counted_apart() -> None:
    dataset, detections = detection_set(0)
    renamed = dataclasses.replace(detections, classes=("person", "cone", "crane"))

    confusions = confusion(dataset, renamed, 0.3)

    assert confusions.unknown == np.count_nonzero(
        (detections.category == 2) & (detections.score > 0.3)
    )
    assert not confusions.matrix[:, 2].any()


def test_threshold_under_what_the_detector_keeps() -> None:
    dataset, detections = detection_set(0)
    remaining = dataclasses.replace(detections, score_floor=0.5)

    with pytest.raises(DataError, match=r"keeps no box below score 0\.5"):
        confusion(dataset, remaining, 0.3)
