"""Frames with their boxes: what is false, what is found, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.rule_evidence.frames import (
    DETECTIONS_A_FRAME,
    frames_for_class,
    shown_frames,
)
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json

CLASSES = ("helmet_off", "no_vest")
Tables = tuple[Dataset, DetectionTable]


@pytest.fixture
def tables(tmp_path: Path) -> Callable[..., Tables]:
    """A function from boxes and detections by image to their tables."""

    def make(
        truth: Mapping[str, Sequence[Any]],
        detections: Mapping[str, Sequence[Any]],
        change: Callable[[dict[str, Any]], None] | None = None,
    ) -> Tables:
        content = coco_content(truth, CLASSES)
        if change is not None:
            change(content)
        dataset = read_coco(write_json(tmp_path / "a.json", content), tmp_path, "val")
        path = write_json(tmp_path / "r.json", result_rows(truth, detections, CLASSES))
        return dataset, read_results(path, dataset)

    return make


def shown(frame: Frame) -> list[tuple[str, float | None, bool, float | None]]:
    return [(box.label, box.score, box.false, box.found_at) for box in frame.boxes]


def test_boxes_say_which_score_finds_them_or_that_they_are_false(
    tables: Callable[..., Tables],
) -> None:
    """One worker found twice, of which the better one counts; one of another class on the same
    place; one not found at all."""
    dataset, detections = tables(
        {
            "a.jpg": [("helmet_off", 0, 0, 10, 10), ("no_vest", 50, 50, 10, 10)],
            "b.jpg": [("helmet_off", 0, 0, 10, 10)],
        },
        {
            "a.jpg": [
                ("helmet_off", 0.4, 0, 0, 10, 10),
                ("helmet_off", 0.9, 0, 1, 10, 10),
                ("no_vest", 0.7, 0, 0, 10, 10),
            ]
        },
    )

    (frame,) = shown_frames(dataset, detections, [0], lambda row: f"row {row}")

    assert (frame.dataset, frame.image, frame.text) == ("val", "a.jpg", "row 0")
    assert shown(frame) == [
        ("helmet_off", None, False, 0.9),
        ("no_vest", None, False, None),
        ("helmet_off", 0.9, False, None),
        ("no_vest", 0.7, True, None),
        ("helmet_off", 0.4, True, None),
    ]
    assert frame.boxes[2].box == (0.0, 1.0, 10.0, 10.0)


def test_crowd_regions_explain_what_lies_in_them(tables: Callable[..., Tables]) -> None:
    def crowd(content: Any) -> None:
        content["annotations"][0]["iscrowd"] = 1

    dataset, detections = tables(
        {"a.jpg": [("helmet_off", 0, 0, 100, 100)]},
        {"a.jpg": [("helmet_off", 0.9, 5, 5, 10, 10), ("helmet_off", 0.8, 30, 5, 10, 10)]},
        crowd,
    )

    (frame,) = shown_frames(dataset, detections, [0], lambda _: "")

    assert frame.boxes[0] == FrameBox(box=(0.0, 0.0, 100.0, 100.0), label="helmet_off", crowd=True)
    assert [box.false for box in frame.boxes] == [False, False, False]


def test_boxes_that_cannot_be_drawn_are_left_out(tables: Callable[..., Tables]) -> None:
    def spoil(content: Any) -> None:
        content["annotations"][0]["bbox"][2] = -3
        content["annotations"][1]["category_id"] = 77

    dataset, detections = tables(
        {"a.jpg": [("helmet_off", 0, 0, 9, 9), ("no_vest", 5, 5, 9, 9)]}, {}, spoil
    )

    (frame,) = shown_frames(dataset, detections, [0], lambda _: "")

    assert [box.label for box in frame.boxes] == ["class not listed"]


def test_lowest_scores_are_left_out_on_all_frames_alike(
    tables: Callable[..., Tables],
) -> None:
    """Two frames may have 40 detections together: 90 on the first, of score 0.905 down to 0.015,
    five on the second of 0.8 down to 0.76. The 35 best of the first go with those five."""
    many = [
        ("helmet_off", round(0.905 - number / 100, 3), 3 * number, 0, 2, 2) for number in range(90)
    ]
    few = [("helmet_off", round(0.8 - number / 100, 3), 3 * number, 0, 2, 2) for number in range(5)]
    dataset, detections = tables({"a.jpg": [], "b.jpg": []}, {"a.jpg": many, "b.jpg": few})

    first, second = shown_frames(dataset, detections, [0, 1], lambda _: "", most=2)

    assert len(first.boxes) + len(second.boxes) == 2 * DETECTIONS_A_FRAME
    assert [box.score for box in first.boxes] == [match[1] for match in many[:35]]
    assert [box.score for box in second.boxes] == [match[1] for match in few]


def test_frames_full_of_ground_truth_are_fewer(tables: Callable[..., Tables]) -> None:
    """Three frames may have 120 boxes together; the first two have 110, the third 20."""
    truth = {
        name: [("helmet_off", 3.0 * number, 0, 2, 2) for number in range(boxes)]
        for name, boxes in (("a.jpg", 60), ("b.jpg", 50), ("c.jpg", 20), ("d.jpg", 500))
    }
    dataset, detections = tables(truth, {})

    assert [
        len(frame.boxes) for frame in shown_frames(dataset, detections, [0, 1, 2], str, most=3)
    ] == [60, 50]
    assert [len(frame.boxes) for frame in shown_frames(dataset, detections, [3], str, most=1)] == [
        500
    ]


def test_many_classes_show_few_frames_each() -> None:
    assert [frames_for_class(classes) for classes in (1, 20, 80, 1200)] == [12, 12, 3, 1]
