"""A model rule on a split whose boxes and detections are written down by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json

CLASSES = ("helmet_off", "no_vest")


def gate_on(
    folder: Path,
    config: str,
    truth: Mapping[str, Sequence[Any]],
    detections: Mapping[str, Sequence[Any]],
) -> tuple[dict[str, RuleResult], Inputs]:
    """Evaluate the items of a `detgate.toml` on the split `val`; gives them by name, and what
    they were evaluated from."""
    write_json(folder / "val.json", coco_content(truth, CLASSES))
    path = write_json(folder / "found.json", result_content(truth, detections, CLASSES))
    toml = folder / "detgate.toml"
    split = '\n[dataset.splits.val]\nannotations = "val.json"\nimages = "."\n'
    toml.write_text(config + split, encoding="utf-8")
    project = Project(load_configuration(toml), folder)
    inputs = Inputs(project, ResultFiles({"val": path}, project))
    items = {
        bound.item_name(target): judge(bound, target, inputs)
        for bound in bind_rules(project)
        for target in bound.targets
    }
    return items, inputs
