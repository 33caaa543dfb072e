"""Examples of rules, written as files and evaluated: `pytest_detgate.testing`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_detgate import Example, Inputs, Measurement, Outcome, Rule, SplitRule, Target
from pytest_detgate.errors import ConfigError
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.testing import coco_content, evaluate_example, result_content, write_example

BOX = ("helmet_off", 10, 10, 30, 40)
PROBE = {"calm_1.jpg": [], "calm_2.jpg": [BOX]}


class FewImages(SplitRule, frozen=True, kw_only=True):
    """A rule of a plug-in: a split may have one image."""

    code: ClassVar[str] = "few-images"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        images = len(inputs.dataset(target.datasets[0]).images)
        return Outcome(message="", measurements=[Measurement.at_most("images", images, 1)])


def built_in(code: str) -> type[Rule]:
    return rule_classes()[code]


def test_a_rule_of_a_plug_in_is_evaluated(tmp_path: Path) -> None:
    example = Example(
        config="[rules.few-images]",
        splits={"train": {"a.jpg": [BOX]}, "val": {"a.jpg": [BOX], "b.jpg": []}},
    )

    results = evaluate_example(FewImages, example, tmp_path)

    assert {item: result.verdict for item, result in results.items()} == {
        "few-images[train]": "passed",
        "few-images[val]": "failed",
    }


def test_plug_ins_that_an_example_names_are_kept(tmp_path: Path) -> None:
    config = f"plugins = [{json.dumps(__name__)}]\n[rules.few-images]"

    results = evaluate_example(
        FewImages, Example(config=config, splits={"val": {"a.jpg": []}}), tmp_path
    )

    assert [result.verdict for result in results.values()] == ["passed"]


def test_detections_are_read_from_files_that_a_test_may_change(tmp_path: Path) -> None:
    example = Example(
        config="[rules.probe-fp]\nmax-boxes = 0\n[model]\nscore-threshold = 0.3",
        probes={"calm": PROBE},
        detections={"calm": {"calm_2.jpg": [("helmet_off", 0.9, *BOX[1:])]}},
    )
    written = write_example(built_in("probe-fp"), example, tmp_path)
    assert written.evaluate()["probe-fp[calm]"].verdict == "passed"

    written.write_results(
        "calm-found.json", "calm", {"calm_1.jpg": [("helmet_off", 0.4, *BOX[1:])]}
    )

    assert written.evaluate()["probe-fp[calm]"].verdict == "failed"


def test_an_example_of_another_rule_is_a_mistake(tmp_path: Path) -> None:
    example = Example(config="[rules.box-bounds]", splits={"val": {"a.jpg": [BOX]}})

    with pytest.raises(ValueError, match=r"the example has no table \[rules\.few-images\]"):
        evaluate_example(FewImages, example, tmp_path)


def test_a_class_that_is_not_listed_is_named(tmp_path: Path) -> None:
    vest = ("vest", 10, 10, 30, 40)
    example = Example(config="[rules.few-images]", splits={"train": {"a.jpg": [vest]}})
    listed = r"no class 'vest' \(there is: helmet_off\); `classes` lists those of the boxes"

    with pytest.raises(ValueError, match=listed):
        evaluate_example(FewImages, example, tmp_path)
    with pytest.raises(ValueError, match=listed):
        result_content({"a.jpg": []}, {"a.jpg": [("vest", 0.9, 10, 10, 30, 40)]})


def test_a_mistake_in_the_configuration_is_named(tmp_path: Path) -> None:
    example = Example(config="[rules.few-images]\nlimit = 1", splits={"val": {"a.jpg": [BOX]}})

    with pytest.raises(ConfigError, match="limit"):
        evaluate_example(FewImages, example, tmp_path)


def test_contents_of_files() -> None:
    assert coco_content(PROBE) == {
        "images": [
            {"id": 1, "file_name": "calm_1.jpg", "width": 100, "height": 100},
            {"id": 2, "file_name": "calm_2.jpg", "width": 100, "height": 100},
        ],
        "categories": [{"id": 1, "name": "helmet_off"}],
        "annotations": [
            {
                **{"id": 1, "image_id": 2, "category_id": 1, "bbox": [10, 10, 30, 40]},
                **{"area": 1200, "iscrowd": 0},
            }
        ],
    }
    detections = {"calm_1.jpg": [("cone", 0.5, 1, 2, 3, 4)]}
    content = result_content(PROBE, detections, ["helmet_off", "cone"])
    assert content["annotations"] == [
        {"image_id": 1, "category_id": 2, "score": 0.5, "bbox": [1, 2, 3, 4]}
    ]
    assert content["categories"] == [{"id": 1, "name": "helmet_off"}, {"id": 2, "name": "cone"}]
