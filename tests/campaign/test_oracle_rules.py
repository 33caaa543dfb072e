"""What the oracle allows, on projects written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaign.detections import DETECTOR
from tests.campaign.oracle.command_line import read_command
from tests.campaign.oracle.label_readers import read_labels
from tests.campaign.oracle.pair_rules import PAIR_RULES
from tests.campaign.oracle.reading import NotLookedAtError
from tests.campaign.oracle.results import read_answers
from tests.campaign.oracle.split_rules import RULES
from tests.campaign.oracle.view import View
from tests.campaign.project import Entry

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 30, 10, 10]}


def image(number: int = 1, name: str = "a.jpg", side: int = 50, **fields: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": side, "height": side, **fields}


def view(*boxes: dict[str, Any], **splits: list[dict[str, Any]]) -> View:
    files: dict[str, Entry] = {
        f"{name}.json": {
            "json": {
                "images": images,
                "categories": [{"id": 1, "name": "cone"}],
                "annotations": list(boxes),
            }
        }
        for name, images in splits.items()
    }
    tables = {name: {"annotations": f"{name}.json", "images": "i"} for name in splits}
    dataset = {"splits": tables, "frame-pattern": r"_(?P<frame>\d+)\.jpg$"}
    return View(files, {"dataset": dataset}, read_command([]))


@pytest.mark.parametrize("rule", ["box-bounds", "box-format", "duplicate-boxes"])
def test_only_images_that_differ_leave_a_box_open(rule: str) -> None:
    alike = view(BOX, train=[image(), image(name="./a.jpg")])
    assert RULES[rule](alike, {}, "train") is not False

    for other in (image(name="b.jpg"), image(side=20)):
        with pytest.raises(NotLookedAtError):
            RULES[rule](view(BOX, train=[image(), other]), {}, "train")
        # Of two images that no box refers to, none is open.
        unused = view(BOX, train=[image(), image(2), {**other, "id": 2}])
        assert RULES[rule](unused, {}, "train") is not False


@pytest.mark.parametrize(
    ("train", "val", "may_pass"),
    [
        ("a_10", "a_20", True),
        ("a_10", "a_15", False),
        ("a", "b_10", True),  # a photo of another clip
        ("a", "a_10", False),  # with frames it cannot be compared
        ("a_10", "a", False),
        ("a", "a", False),  # two photos of one clip
        ("a", "b", True),
    ],
)
def test_an_image_without_a_number_is_a_photo(train: str, val: str, may_pass: bool) -> None:
    splits = {
        name: [image(name=f"{stem}.jpg", clip=stem[0])]
        for name, stem in (("train", train), ("val", val))
    }
    table = {"between": ["train", "val"], "within": 6, "clip-field": "clip"}

    assert PAIR_RULES["frame-distance"](view(**splits), table, "train-val") is may_pass


@pytest.mark.parametrize("value", [True, 1.5, "7b"])
def test_a_number_that_is_none_is_unparsed(value: object) -> None:
    splits = {
        "train": [image(clip="a", frame=value)],
        "val": [image(clip="b", frame=3)],
    }
    table = {
        "between": ["train", "val"],
        "within": 6,
        "clip-field": "clip",
        "frame-field": "frame",
    }

    assert PAIR_RULES["frame-distance"](view(**splits), table, "train-val") is False


def test_scores_of_a_model_are_of_single_precision() -> None:
    """The nearest number to 0.2 in 32 bits is above it, that to 0.7 below."""
    rows = [[0, 0, 9, 9, score, "cone"] for score in (0.2, 0.7, 0.5)]
    files: dict[str, Entry] = {
        "train.json": {"json": {"images": [image()], "categories": [], "annotations": []}},
        "i/a.jpg": {"text": ""},
        "detector.py": {"text": DETECTOR},
        "answers.json": {"json": {"classes": ["cone"], "answers": {"i/a.jpg": rows}}},
    }
    labels = read_labels(files, {"annotations": "train.json", "images": "i"})

    low, high, exact = (row.score for row in read_answers(files, labels, "answers.json").rows)

    assert 0.2 < low < 0.2 + 1e-8
    assert 0.7 - 1e-7 < high < 0.7
    assert exact == 0.5
