"""False boxes, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.boxes import iou
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.errors import DataError
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json


def count(
    folder: Path, truth: dict[str, Any], rows: list[dict[str, Any]], threshold: float = 0.3
) -> list[int]:
    """Rows of the false boxes."""
    dataset = read_coco(write_json(folder / "probe.json", truth), folder, "probe")
    detections = read_results(write_json(folder / "found.json", rows), dataset)
    return sorted(false_boxes(dataset, detections, threshold).tolist())


def test_everything_over_the_threshold_on_empty_frames(tmp_path: Path) -> None:
    """Exactly 0.3 is not over 0.3."""
    images: dict[str, list[Any]] = {"a.jpg": [], "b.jpg": []}
    rows = result_rows(
        images,
        {
            "a.jpg": [("helmet_off", 0.31, 0, 0, 9, 9), ("helmet_off", 0.3, 20, 0, 9, 9)],
            "b.jpg": [("helmet_off", 0.9, 0, 0, 9, 9), ("helmet_off", 0.1, 20, 0, 9, 9)],
        },
    )

    assert count(tmp_path, coco_content(images), rows) == [0, 2]


def test_allowed_box_explains_one_detection_of_its_class(tmp_path: Path) -> None:
    """One allowed box of 10 × 10 at the corner. Detection 0 is it, moved by 2: IoU 80/120 = 0.67.
    Detection 1 is exactly it but scores less, and the box is taken. Detection 2 is another class.
    Detection 3 overlaps by half its side: IoU 50/150 = 0.33."""
    classes = ["helmet_off", "no_vest"]
    images = {"a.jpg": [("helmet_off", 0, 0, 10, 10)]}
    rows = result_rows(
        images,
        {
            "a.jpg": [
                ("helmet_off", 0.9, 2, 0, 10, 10),
                ("helmet_off", 0.8, 0, 0, 10, 10),
                ("no_vest", 0.8, 0, 0, 10, 10),
                ("helmet_off", 0.95, 5, 0, 10, 10),
            ]
        },
        classes,
    )

    assert count(tmp_path, coco_content(images, classes), rows) == [1, 2, 3]


def test_overlap_of_exactly_one_half_matches(tmp_path: Path) -> None:
    """10 × 10 within 10 × 20: IoU 100/200."""
    images = {"a.jpg": [("helmet_off", 0, 0, 10, 20)]}
    rows = result_rows(images, {"a.jpg": [("helmet_off", 0.9, 0, 0, 10, 10)]})

    assert count(tmp_path, coco_content(images), rows) == []


def test_crowd_region_explains_every_detection_in_it(tmp_path: Path) -> None:
    images = {"a.jpg": [("helmet_off", 0, 0, 50, 50)]}
    truth = coco_content(images)
    truth["annotations"][0]["iscrowd"] = 1
    rows = result_rows(
        images,
        {
            "a.jpg": [
                ("helmet_off", 0.9, 0, 0, 10, 10),
                ("helmet_off", 0.8, 45, 0, 10, 10),
                ("helmet_off", 0.7, 46, 0, 10, 10),
            ]
        },
    )

    assert count(tmp_path, truth, rows) == [2]


def test_threshold_below_what_the_detector_keeps_is_refused(tmp_path: Path) -> None:
    dataset = read_coco(write_json(tmp_path / "p.json", coco_content({"a.jpg": []})), tmp_path, "p")
    detections = read_results(write_json(tmp_path / "r.json", []), dataset)
    cut = type(detections)(
        classes=detections.classes,
        image=detections.image,
        category=detections.category,
        xywh=detections.xywh,
        score=detections.score,
        score_floor=0.5,
    )

    with pytest.raises(DataError, match=r"keeps no box below score 0\.5"):
        false_boxes(dataset, cut, 0.3)


def test_geometry_by_hand() -> None:
    first = np.array([[0.0, 0, 4, 2], [0, 0, 0, 0]])
    other = np.array([[2.0, 1, 4, 2], [0, 0, 4, 2], [9, 9, 1, 1]])

    assert iou(first, other).tolist() == [[2 / 14, 1, 0], [0, 0, 0]]
