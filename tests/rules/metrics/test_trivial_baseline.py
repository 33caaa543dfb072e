"""The detector that only knows training boxes, worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.scoring.trivial_baseline import mean_boxes
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables

Truth = Mapping[str, Sequence[tuple[str, float, float, float, float]]]


def result_of(folder: Path, train: Truth, val: Truth, rule: str) -> RuleResult:
    """Evaluate the rule for a model that finds every box of the evaluated split."""
    classes = ("red", "blue")
    write_json(folder / "train.json", coco_content(train, classes))
    write_json(folder / "val.json", coco_content(val, classes))
    detections = {name: [(box[0], 0.9, *box[1:]) for box in boxes] for name, boxes in val.items()}
    path = write_json(folder / "found.json", result_content(val, detections, classes))
    config = "[dataset]\nframe-pattern = '(?P<site>[a-z]+)(?P<clip>\\d+)_'\n"
    config += split_tables(train="images", val="images")
    return judged(folder, f"{config}[rules.trivial-baseline]\n{rule}\n", {"val": path})[
        "trivial-baseline"
    ]


def test_the_mean_box_and_its_score() -> None:
    """The mean of left edges 10 and 14 is 12; it overlaps both by more than a half, and those two
    are on two of four images."""
    xywh = np.array([[0.10, 0.2, 0.2, 0.2], [0.14, 0.2, 0.2, 0.2]])
    means = mean_boxes(xywh, np.array([0, 3]), 4, 1)

    assert means.xywh.tolist() == [pytest.approx([0.12, 0.2, 0.2, 0.2])]
    assert means.score.tolist() == [0.5]


def test_two_places_make_two_mean_boxes() -> None:
    random = np.random.default_rng(1)
    near = np.array([[0.1, 0.1, 0.2, 0.2]]) + random.uniform(-0.01, 0.01, (50, 4))
    far = np.array([[0.6, 0.6, 0.2, 0.2]]) + random.uniform(-0.01, 0.01, (50, 4))
    means = mean_boxes(np.concatenate([near, far]), np.arange(100), 100, 2)

    order = np.argsort(means.xywh[:, 0])
    assert means.xywh[order] == pytest.approx(np.stack([near.mean(axis=0), far.mean(axis=0)]))
    assert means.score.tolist() == [0.5, 0.5]


def test_objects_at_the_same_places_need_no_model(tmp_path: Path) -> None:
    """Red is always at one place, blue is not: AP50 is 1 and 0, and the model's is 1."""
    train = {f"a{n}_1.jpg": [("red", 10, 10, 30, 30), ("blue", 60, 60, 20, 20)] for n in range(4)}
    val = {f"b{n}_1.jpg": [("red", 12, 11, 30, 30), ("blue", 10, 60, 20, 20)] for n in range(4)}
    result = result_of(tmp_path, train, val, "min-margin = 0.6\nmax = 0.4")
    values = measured(result)

    assert result.verdict == "failed"
    assert values["trivial_ap"] == pytest.approx(0.5)
    assert values["margin"] == pytest.approx(0.5)
    rows = result.tables["By class"].rows
    assert [row[0] for row in rows] == ["red", "blue"]
    assert [row[2] for row in rows] == pytest.approx([1, 0])


def test_boxes_are_scaled_to_the_image(tmp_path: Path) -> None:
    """A training image of twice the size: its box of 20, 20, 60, 60 is the same share."""
    train = {"a1_1.jpg": [("red", 20, 20, 60, 60)]}
    val = {"b1_1.jpg": [("red", 10, 10, 30, 30)]}
    result_of(tmp_path, train, val, "max = 0.5")
    content = coco_content(train, ("red", "blue"))
    content["images"][0].update(width=200, height=200)
    write_json(tmp_path / "train.json", content)
    config = (tmp_path / "detgate.toml").read_text()
    result = judged(tmp_path, config, {"val": tmp_path / "found.json"})["trivial-baseline"]

    assert measured(result)["trivial_ap"] == pytest.approx(1)


def test_what_it_knows_of_the_camera(tmp_path: Path) -> None:
    """With one mean box, it lies between those of two cameras and hits neither. One that knows the
    camera hits both, and takes the mean of all for a camera that it has not seen."""
    positions = {"a": 0, "b": 60}
    train = {f"{s}1_1.jpg": [("red", x, 10, 30, 30)] for s, x in positions.items()}
    val = {f"{s}2_1.jpg": [("red", x, 10, 30, 30)] for s, x in positions.items()}
    blind = measured(result_of(tmp_path, train, val, "max = 1\nboxes = 1"))
    knows = measured(result_of(tmp_path, train, val, 'max = 1\nboxes = 1\nby = "site"'))
    new = {**val, "c2_1.jpg": [("red", 30, 10, 30, 30)]}
    unseen = measured(result_of(tmp_path, train, new, 'max = 1\nboxes = 1\nby = "site"'))

    assert blind["trivial_ap"] == 0
    assert knows["trivial_ap"] == pytest.approx(1)
    assert unseen["trivial_ap"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("", "give min-margin or max"),
        ('max = 0.5\ntraining = "val"', "those of the evaluated split"),
        ('max = 0.5\ntraining = "trian"', "did you mean 'train'"),
        ('max = 0.5\nby = "site =="', "is not an expression"),
    ],
)
def test_options_that_make_no_sense(rule: str, text: str, tmp_path: Path) -> None:
    truth = {"a1_1.jpg": [("red", 10, 10, 30, 30)]}
    with pytest.raises(ConfigError, match=text):
        result_of(tmp_path, truth, truth, rule)


def test_without_training_boxes_nothing_is_evaluated(tmp_path: Path) -> None:
    val = {"a1_1.jpg": [("red", 10, 10, 30, 30)]}
    result = result_of(tmp_path, {"b1_1.jpg": []}, val, "max = 0.5")

    assert result.verdict == "not-evaluated"
    assert "train has no boxes" in result.message
