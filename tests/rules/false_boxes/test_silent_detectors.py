"""A detector that finds nothing at any score proves nothing on a probe, whatever it comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.testing import (
    coco_content,
    evaluate_example,
    result_content,
    write_example,
)
from tests.content import write_json
from tests.detector.onnx_models import draw
from tests.judged import found_by_model, judged
from tests.needs import import_or_skip

CLASSES = ("cone",)
BOX = ("cone", 10, 10, 20, 20)
FAINT = ("cone", 0.01, 10, 10, 20, 20)
PROBE = "[rules.probe-fp]\nmax-boxes = 9\n"
VAL = '[dataset.splits.val]\nannotations = "val.json"\nimages = "val"\n'
CALM = '[probes.calm]\nannotations = "calm.json"\nimages = "calm"\n'
TRUTH: Mapping[str, Sequence[Any]] = {"a.jpg": [BOX], "b.jpg": []}
QUIET: Mapping[str, Sequence[Any]] = {"c.jpg": [], "d.jpg": []}

Files = Callable[..., RuleResult]


@pytest.fixture
def on_files(tmp_path: Path) -> Files:
    """A function from what result files hold, by split and probe, to the probe's item."""

    def evaluate(
        head: str = VAL + CALM,
        truth: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
        **detections: Mapping[str, Sequence[Any]],
    ) -> RuleResult:
        datasets = {"val": TRUTH, "calm": QUIET, **(truth or {})}
        for name, images in datasets.items():
            write_json(tmp_path / f"{name}.json", coco_content(images, CLASSES))
        files = {
            name: write_json(
                tmp_path / f"{name}-found.json", result_content(datasets[name], boxes, CLASSES)
            )
            for name, boxes in detections.items()
        }
        return judged(tmp_path, head + PROBE, files)["probe-fp[calm]"]

    return evaluate


def test_an_empty_result_file_alone_is_no_clean_probe(on_files: Files) -> None:
    result = on_files(calm={})

    assert result.verdict == "not-evaluated"
    assert result.message == (
        "the detector finds nothing, at any score, on calm, and nothing shows that it finds "
        "anything elsewhere: add the result file of the evaluated split, which must have ground "
        "truth (--detgate-predictions val=FILE)"
    )
    without_split = on_files(head=CALM, calm={})
    assert without_split.verdict == "not-evaluated"
    assert without_split.message.endswith("evaluate-on must name a split with ground truth")


def test_one_faint_box_anywhere_shows_that_it_works(on_files: Files) -> None:
    assert on_files(calm={"c.jpg": [FAINT]}).verdict == "passed"
    assert on_files(calm={}, val={"a.jpg": [FAINT]}).verdict == "passed"
    assert on_files(calm={}, val={"b.jpg": [FAINT]}).verdict == "passed"


@pytest.mark.parametrize(
    "filler",
    [
        ("cone", 0.0, 10, 10, 20, 20),
        ("cone", 0.9, 10, 10, 0, 20),
        ("cone", 0.9, 1e6, 10, 20, 20),
        ("cone", 0.9, -30, 10, 20, 20),
    ],
)
def test_a_row_that_is_no_box_of_its_image_is_nothing_found(
    on_files: Files, filler: tuple[Any, ...]
) -> None:
    """The images are 100 x 100 pixels: no score, no width, and boxes right and left of them."""
    assert on_files(calm={}, val={"a.jpg": [filler]}).verdict == "not-evaluated"
    assert on_files(calm={}, val={"a.jpg": [filler, FAINT]}).verdict == "passed"
    alone = on_files(head=CALM, calm={"c.jpg": [filler]})
    assert alone.verdict == "not-evaluated"


def test_what_finds_nothing_on_ground_truth_proves_nothing(on_files: Files) -> None:
    silent = (
        "the detector finds nothing, at any score, on the 1 image of val with ground truth, so it "
        "proves nothing on calm"
    )
    for boxes in ({}, {"c.jpg": [FAINT]}, {"c.jpg": [("cone", 0.9, 10, 10, 20, 20)]}):
        result = on_files(calm=boxes, val={})

        assert (result.verdict, result.message) == ("not-evaluated", silent)


def test_a_split_without_ground_truth_shows_nothing(on_files: Files) -> None:
    result = on_files(truth={"val": {"a.jpg": [], "b.jpg": []}}, calm={}, val={})

    assert result.verdict == "not-evaluated"
    assert "nothing shows that it finds anything elsewhere" in result.message


@pytest.mark.parametrize("table", ["dataset.splits.train", "probes.busy"])
def test_another_split_or_probe_may_show_it(on_files: Files, table: str) -> None:
    name = table.rpartition(".")[2]
    head = f'{VAL}{CALM}[{table}]\nannotations = "{name}.json"\nimages = "i"\n'
    truth = {name: {"e.jpg": [BOX], "f.jpg": [BOX]}}

    assert on_files(head, truth, calm={}, **{name: {"f.jpg": [FAINT]}}).verdict == "passed"
    silent = on_files(head, truth, calm={}, **{name: {}})
    assert silent.verdict == "not-evaluated"
    assert f"on the 2 images of {name} with ground truth" in silent.message
    # The evaluated split decides where it can.
    both = on_files(head, truth, calm={}, val={}, **{name: {"f.jpg": [FAINT]}})
    assert "on the 1 image of val with ground truth" in both.message


def test_a_file_that_cannot_be_read_is_no_answer(on_files: Files, tmp_path: Path) -> None:
    on_files(calm={}, val={})
    (tmp_path / "val-found.json").write_text("[{")
    files = {name: tmp_path / f"{name}-found.json" for name in ("val", "calm")}

    result = judged(tmp_path, VAL + CALM + PROBE, files)["probe-fp[calm]"]

    assert result.verdict == "not-evaluated"
    assert "val-found.json" in result.message


@pytest.mark.parametrize("code", rule_classes())
def test_no_rule_passes_a_silent_detector(code: str, tmp_path: Path) -> None:
    """The example that passes, without the detections of the gated model."""
    rule = rule_classes()[code]
    example = rule.passing
    if example.needs is not None:
        import_or_skip(example.needs)
    written = write_example(rule, example, tmp_path)
    project = Project(load_configuration(tmp_path / "detgate.toml"), tmp_path)
    if not any(target.detections for bound in bind_rules(project) for target in bound.targets):
        pytest.skip("needs no detections")
    assert written.evaluate()
    silent = dataclasses.replace(example, detections={name: {} for name in example.detections})

    results = evaluate_example(rule, silent, tmp_path)

    assert {result.verdict for result in results.values()} == {"not-evaluated"}
    assert all("finds nothing, at any score" in result.message for result in results.values())


DETECTOR = """
import re
from pathlib import Path

class Detector:
    classes = ["cone"]
    def __init__(self, checkpoint, device, sees, log):
        self.sees, self.log = re.compile(sees), Path(log)
    def detect(self, images):
        with self.log.open("a") as file:
            for image in images:
                print(f"{image.parent.name}/{image.name}", file=file)
                if self.sees.search(image.name):
                    yield [[10, 10, 30, 30]], [0.01], [0]
                else:
                    yield [], [], []
"""


@pytest.fixture
def on_model(tmp_path: Path) -> Callable[..., tuple[RuleResult, list[str]]]:
    """A function that evaluates rules on a detector which sees something on images whose name
    matches a pattern: the probe's item, and the images that it was asked for."""
    for number in range(100):
        draw(tmp_path / "val" / f"v_{number:02}.png", (40 + number, 40))
    for number in range(2):
        draw(tmp_path / "calm" / f"c_{number}.png", (30 + number, 30))
    truth = {f"v_{number:02}.png": [BOX] if number % 2 else [] for number in range(100)}
    write_json(tmp_path / "val.json", coco_content(truth, CLASSES))
    (tmp_path / "seeing.py").write_text(DETECTOR, encoding="utf-8")
    log = tmp_path / "asked"

    def evaluate(sees: str, rules: str = PROBE, head: str = VAL) -> tuple[RuleResult, list[str]]:
        log.write_text("")
        model = ModelSource(
            None,
            framework="python",
            entry="seeing:Detector",
            options={"sees": sees, "log": str(log)},
            folder=tmp_path,
        )
        config = f'{head}[probes.calm]\nimages = "calm"\n{rules}'
        result = judged(tmp_path, config, found_by_model(model, tmp_path))["probe-fp[calm]"]
        return result, log.read_text().split()

    return evaluate


def test_a_model_that_finds_something_is_not_run_again(
    on_model: Callable[..., tuple[RuleResult, list[str]]],
) -> None:
    """A model that sees something on the probe is not asked for more."""
    result, asked = on_model("c_0")

    assert result.verdict == "passed"
    assert asked == ["calm/c_0.png", "calm/c_1.png"]


def test_a_model_is_run_on_ground_truth_until_it_finds_something(
    on_model: Callable[..., tuple[RuleResult, list[str]]],
) -> None:
    """Images with an odd number have ground truth: 8 of them first, then 32."""
    result, asked = on_model("v_21")

    assert result.verdict == "passed"
    assert len(asked) == 2 + 8 + 32
    assert asked[2:10] == [f"val/v_{number:02}.png" for number in range(1, 17, 2)]

    # What is kept shows it as well.
    again, asked = on_model("v_21")
    # Only the few that are compared with the cache are inferred again: 8 at most in each step.
    assert again.verdict == "passed"
    assert len(asked) <= 2 + 8 + 8


@pytest.mark.parametrize("sees", ["nowhere", "v_22"])
def test_a_silent_model_is_run_on_all_of_it(
    on_model: Callable[..., tuple[RuleResult, list[str]]], sees: str
) -> None:
    result, asked = on_model(sees)

    assert len(asked) == 2 + 50
    assert result.verdict == "not-evaluated"
    assert result.message == (
        "the detector finds nothing, at any score, on the 50 images of val with ground truth, so "
        "it proves nothing on calm"
    )


def test_a_model_without_any_split_has_nothing_to_show(
    on_model: Callable[..., tuple[RuleResult, list[str]]], tmp_path: Path
) -> None:
    result, asked = on_model("v_21", head="")

    assert (result.verdict, len(asked)) == ("not-evaluated", 2)
    assert result.message.endswith("evaluate-on must name a split with ground truth")
    for image in (tmp_path / "val").iterdir():
        image.unlink()
    gone, _ = on_model("v_21")
    assert gone.verdict == "not-evaluated"
    assert gone.message.endswith("the evaluated split, val, must have ground truth and its images")


def test_what_the_run_knows_anyway_is_enough(
    on_model: Callable[..., tuple[RuleResult, list[str]]],
) -> None:
    """AP is asked for, too: a model that finds nothing on val is then known to be silent, also
    where it finds something on the probe."""
    rules = f"{PROBE}[rules.mean-ap]\nmin = 0.0\n"

    assert on_model("v_22", rules)[0].verdict == "passed"
    result, _ = on_model("c_0", rules)
    assert result.verdict == "not-evaluated"
    assert "on the 50 images of val with ground truth, so it proves nothing on calm" in (
        result.message
    )
