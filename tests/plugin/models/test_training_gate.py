"""A whole gate on how a model is trained: no checkpoint, no detections."""

from __future__ import annotations

import json

import pytest

from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.forked import run_forked
from tests.plugin.models.test_model_gate import TELL_IMPORTS
from tests.plugin.records import report_in

pytestmark = pytest.mark.mmdet

CONFIG = """
[dataset.splits.train]
annotations = "train.json"
images = "images"
[train]
config = "train.py"
work-dir = "work"
[rules.empty-gt-share]
min = 0.5
[rules.training-view]
min = 0.5
[rules.training-seed]
[rules.training-curve]
"""
TRAINING = """
train_dataloader = dict(dataset=dict(
    type="CocoDataset", data_root="{{ fileDirname }}/", ann_file="train.json",
    data_prefix=dict(img="images/"), metainfo=dict(classes=("helmet_off",)),
    filter_cfg=dict(filter_empty_gt=True, min_size=32)))
"""


@pytest.fixture(scope="module")
def mmdet() -> None:
    """Skips where MMDetection is not installed; asked before `pytester`, which forgets imports."""
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("mmdet")
def test_training_rules_run_by_themselves(pytester: pytest.Pytester) -> None:
    images = {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": [], "a_3.jpg": []}
    write_json(pytester.path / "train.json", coco_content(images))
    pytester.path.joinpath("detgate.toml").write_text(CONFIG, encoding="utf-8")
    pytester.path.joinpath("train.py").write_text(TRAINING, encoding="utf-8")
    pytester.makeconftest(TELL_IMPORTS)

    result = run_forked(pytester, "detgate.toml", "-m", "detgate_training")

    record = report_in(pytester.path)
    verdicts = {rule["id"]: rule["verdict"] for rule in record["rules"]}
    messages = {rule["id"]: rule["message"] for rule in record["rules"]}
    assert result.ret == 1
    assert verdicts == {
        "training-view": "failed",
        "training-seed": "failed",
        "training-curve": "not-evaluated",
    }
    assert messages == {
        "training-view": "filter_empty_gt drops 2 of 3 images; of what is left none is empty",
        "training-seed": "no fixed seed: randomness of train.py names none, so that every run "
        "draws another",
        "training-curve": "work: no such folder, so there is no run to look at",
    }
    (view,) = (rule for rule in record["rules"] if rule["id"] == "training-view")
    assert [(finding["dataset"], finding["image"]) for finding in view["findings"]] == [
        ("train", "a_2.jpg"),
        ("train", "a_3.jpg"),
    ]
    # What the configuration imports stays in a process of its own.
    assert json.loads((pytester.path / "imports-main.json").read_text("utf-8")) == []


def test_data_rules_are_none_of_them(pytester: pytest.Pytester) -> None:
    write_json(pytester.path / "train.json", coco_content({"a_1.jpg": [], "a_2.jpg": []}))
    pytester.path.joinpath("detgate.toml").write_text(CONFIG, encoding="utf-8")
    listed = run_forked(
        pytester, "detgate.toml", "-m", "detgate_data or detgate_model", "--collect-only", "-q"
    )

    listed.stdout.fnmatch_lines(["detgate.toml::empty-gt-share?train?"])
    listed.stdout.no_fnmatch_line("*training*")
