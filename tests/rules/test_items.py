"""Items that a table makes: never none, and never two of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json
from tests.judged import judged, split_tables

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
DETECTION = ("worker", 0.9, 10.0, 10.0, 40.0, 40.0)

PLUGIN = '''
from typing import ClassVar
from pytest_detgate import Measurement, Outcome, Rule, Target


class Odd(Rule, frozen=True, kw_only=True):
    """Makes the items that it is asked for."""

    code: ClassVar[str] = "odd"

    labels: tuple[str, ...] = ()

    def targets(self, project):
        for label in self.labels:
            yield Target(label=label, datasets=("val",))

    def check(self, target, inputs):
        return Outcome(message="fine", measurements=[Measurement.at_most("count", 0, 0)])
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "odd_items.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.delitem(__import__("sys").modules, "odd_items", raising=False)
    write_json(tmp_path / "val.json", coco_content({"a_1.jpg": [BOX]}, ["worker"]))
    return tmp_path


def outcome(folder: Path, rules: str) -> dict[str, RuleResult]:
    return judged(folder, 'plugins = ["odd_items"]\n' + split_tables(val="images") + rules)


def test_a_rule_without_items_has_one_that_is_not_evaluated(plugin: Path) -> None:
    (result,) = outcome(plugin, "[rules.odd]").values()

    assert (result.id, result.verdict) == ("odd", "not-evaluated")
    assert (result.looked_at, result.to_look_at) == (0, 0)
    assert "makes no item" in result.message


def test_two_items_of_one_name_are_a_configuration_error(plugin: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        outcome(plugin, '[rules.odd]\nlabels = ["a", "b", "a"]')

    assert "[rules.odd]: two items would be named 'odd[a]'" in str(caught.value)


def test_nor_do_two_tables_share_one(plugin: Path) -> None:
    """An entry `a` with the label `x` and an entry without label that is named `a[x]`."""
    rules = '[[rules.odd]]\nname = "a"\nlabels = ["x"]\n[[rules.odd]]\nname = "a[x]"\n'
    with pytest.raises(ConfigError, match="two items would be named"):
        outcome(plugin, rules)


CLASS_RULES = {
    "class-ap": "min = 0.5",
    "recall": "min = 0.5",
    "class-support": "min-boxes = 1",
    "class-balance": "max-ratio = 2",
}


@pytest.mark.parametrize("code", CLASS_RULES)
def test_without_classes_there_is_nothing_to_look_at(tmp_path: Path, code: str) -> None:
    """Without classes an item says that there is nothing to look at."""
    content = {**coco_content({"a_1.jpg": [], "a_2.jpg": []}), "categories": []}
    write_json(tmp_path / "val.json", content)
    results_path = write_json(
        tmp_path / "found.json",
        {"images": content["images"], "categories": [], "annotations": []},
    )
    config = f"{split_tables(val='images')}[rules.{code}]\n{CLASS_RULES[code]}"
    (result,) = judged(tmp_path, config, {"val": results_path}).values()

    assert result.verdict == "not-evaluated"
    assert (result.looked_at, result.look_unit) == (0, "classes")


@pytest.mark.parametrize("code", CLASS_RULES)
def test_classes_without_ground_truth_never_pass(tmp_path: Path, code: str) -> None:
    images: dict[str, list[Any]] = {"a_1.jpg": [], "a_2.jpg": []}
    write_json(tmp_path / "val.json", coco_content(images, ["worker", "cone"]))
    results_path = write_json(
        tmp_path / "found.json", result_rows(images, {"a_1.jpg": [DETECTION]}, ["worker", "cone"])
    )
    config = f"{split_tables(val='images')}[rules.{code}]\n{CLASS_RULES[code]}"
    items = judged(tmp_path, config, {"val": results_path})

    assert items
    assert {result.verdict for result in items.values()} <= {"failed", "not-evaluated"}


def test_categories_of_one_name_are_one_item_which_says_so(tmp_path: Path) -> None:
    images = {"a_1.jpg": [BOX]}
    content = coco_content(images, ["worker"])
    content["categories"].append({"id": 2, "name": "worker"})
    write_json(tmp_path / "val.json", content)
    results_path = write_json(
        tmp_path / "found.json", result_rows(images, {"a_1.jpg": [DETECTION]}, ["worker"])
    )
    config = f"{split_tables(val='images')}[rules.class-ap]\nmin = 0.5\n[rules.recall]\nmin = 0.5"
    items = judged(tmp_path, config, {"val": results_path})

    assert list(items) == ["class-ap[worker]", "recall[worker]"]
    assert {result.verdict for result in items.values()} == {"not-evaluated"}


def test_too_little_evidence_without_looking_is_no_warning(tmp_path: Path) -> None:
    """The file lists one of two images; that one has too few boxes, which alone would warn."""
    images = {"a_1.jpg": [BOX], "a_2.jpg": [BOX]}
    content = coco_content(images, ["worker"])
    write_json(tmp_path / "val.json", content)
    annotations = result_rows(images, {"a_1.jpg": [DETECTION]}, ["worker"])
    half = {
        "images": content["images"][:1],
        "categories": content["categories"],
        "annotations": annotations,
    }
    config = (
        f"{split_tables(val='images')}[rules.class-ap]\nmin = 0.5\nmin-boxes = 9\n"
        'too-little = "warn"'
    )
    whole = judged(tmp_path, config, {"val": write_json(tmp_path / "whole.json", annotations)})
    part = judged(tmp_path, config, {"val": write_json(tmp_path / "part.json", half)})

    assert whole["class-ap[worker]"].verdict == "warned"
    assert part["class-ap[worker]"].verdict == "not-evaluated"


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("operating-point", "max-boxes = 1\nclasses = {}"),
        ("class-ap", "classes = {}"),
        ("recall", "classes = {}"),
        ("calibration", "classes = {}"),
        ("ap-regression", "classes = {}"),
        ("error-budget", "counts = {}"),
        ("probe-fp", "classes = {}"),
        ("probe-fp", "[rules.probe-fp.probes.calm]\nclasses = {}"),
    ],
)
def test_an_empty_table_of_limits_could_never_fail(tmp_path: Path, rule: str, given: str) -> None:
    images = {"a_1.jpg": [BOX]}
    write_json(tmp_path / "val.json", coco_content(images, ["worker"]))
    write_json(tmp_path / "calm.json", coco_content({"b_1.jpg": []}, ["worker"]))
    probe = '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
    config = f"{split_tables(val='images')}{probe}[rules.{rule}]\n{given}\n"

    with pytest.raises(ConfigError, match=rf"\[rules.{rule}\].* so it could never fail"):
        judged(tmp_path, config)
