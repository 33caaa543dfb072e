"""Rules whose findings say little alone show the whole image with all its boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.dataset.boxes.by_image import BOXES_CAP, FRAMES_CAP
from tests.rules.split_files import judged_split, split_file

BOX = (10.0, 10.0, 20.0, 20.0)
ELSEWHERE = (60.0, 10.0, 20.0, 20.0)
DOUBLES = "[rules.duplicate-boxes]"


def test_doubles_are_shown_worst_image_first(tmp_path: Path) -> None:
    """Doubles are shown with their neighbours worst image first."""
    content = split_file(
        {
            "one.jpg": [("cone", *BOX), ("vest", *BOX), ("vest", *ELSEWHERE)],
            "two.jpg": [("cone", *ELSEWHERE), *[("cone", *BOX)] * 3],
            "fine.jpg": [("cone", *BOX)],
        }
    )
    crowd = {"id": 9, "image_id": 2, "category_id": 1, "bbox": [0, 0, 90, 90], "iscrowd": 1}
    content["annotations"].append(crowd)

    shown = judged_split(tmp_path, DOUBLES, content).evidence

    two, first = shown.frames
    assert shown.frames_total == 2
    assert (two.dataset, two.image, two.text) == ("train", "two.jpg", "2 boxes too many")
    assert [box.box for box in two.boxes] == [BOX, BOX, ELSEWHERE, BOX, (0, 0, 90, 90)]
    assert [box.crowd for box in two.boxes] == [False] * 4 + [True]
    assert (first.image, first.text) == ("one.jpg", "1 place with one box and two classes")
    assert [box.label for box in first.boxes] == ["vest", "cone", "vest"]


def test_boxes_of_another_form_are_shown_as_they_are_read(tmp_path: Path) -> None:
    corners = [(60.0, 50.0, 90.0, 80.0), (50.0, 60.0, 70.0, 75.0), (40.0, 55.0, 80.0, 90.0)]
    content = split_file({"a.jpg": [("cone", *box) for box in corners]})

    shown = judged_split(tmp_path, "[rules.box-format]", content).evidence

    (frame,) = shown.frames
    assert [box.box for box in frame.boxes] == corners
    assert frame.text == "3 boxes drawn as read, which look like corners [x1, y1, x2, y2]"


def test_a_file_in_order_shows_nothing(tmp_path: Path) -> None:
    content = split_file({"a.jpg": [("cone", *BOX)]})

    for rule in (DOUBLES, "[rules.box-format]"):
        shown = judged_split(tmp_path, rule, content).evidence
        assert (shown.frames, shown.frames_total) == ([], 0)


def test_images_and_boxes_are_capped(tmp_path: Path) -> None:
    twice = [("cone", *BOX)] * 2
    many = [("cone", 1.0, 1.0, 5.0, 5.0)] * (BOXES_CAP + 5)
    content = split_file({"many.jpg": many, **{f"{n}.jpg": twice for n in range(FRAMES_CAP + 3)}})

    shown = judged_split(tmp_path, DOUBLES, content).evidence

    assert len(shown.frames) == FRAMES_CAP
    assert shown.frames_total == FRAMES_CAP + 4
    assert (shown.frames[0].image, len(shown.frames[0].boxes)) == ("many.jpg", BOXES_CAP)


@pytest.mark.parametrize("bad", [[0, 0, -5, 5], [1e308, 0, 1e308, 5]])
def test_what_cannot_be_drawn_is_left_out(tmp_path: Path, bad: list[float]) -> None:
    content = split_file({"a.jpg": [("cone", *BOX), ("cone", *BOX)]})
    content["annotations"].append(
        {"id": 9, "image_id": 1, "category_id": 7, "bbox": bad, "iscrowd": 0}
    )
    content["annotations"].append(
        {"id": 10, "image_id": 1, "category_id": 7, "bbox": list(ELSEWHERE), "iscrowd": 0}
    )

    (frame,) = judged_split(tmp_path, DOUBLES, content).evidence.frames

    assert [(box.label, box.box) for box in frame.boxes] == [
        ("cone", BOX),
        ("cone", BOX),
        ("class not listed", ELSEWHERE),
    ]
