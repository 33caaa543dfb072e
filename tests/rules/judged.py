"""A rule evaluated on split files made for a test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.config.load import load_configuration
from pytest_detgate.gate.detections import NoDetections
from pytest_detgate.gate.inputs import GateInputs
from pytest_detgate.gate.judge import judge
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import bind_rules


def judged(folder: Path, config: str) -> dict[str, RuleResult]:
    """Results by item of the rules in a `detgate.toml` of this text."""
    path = folder / "detgate.toml"
    path.write_text(config, encoding="utf-8")
    project = Project(load_configuration(path), folder)
    inputs = GateInputs(project, NoDetections())
    return {
        bound.item_name(target): judge(bound, target, inputs)
        for bound in bind_rules(project)
        for target in bound.targets
    }


def judged_split(folder: Path, rule: str, content: Any, *, dataset: str = "") -> RuleResult:
    """The result of one rule, given as a table, on one split with this content."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "train.json").write_text(text, encoding="utf-8")
    splits = '[dataset.splits.train]\nannotations = "train.json"\nimages = "images"\n'
    (result,) = judged(folder, f"{dataset}\n{splits}\n{rule}").values()
    return result


def values(result: RuleResult) -> dict[str, float]:
    """The measured values by name."""
    return {measured.name: measured.value for measured in result.measurements}


def split_file(
    boxes: Mapping[str, Sequence[tuple[str, float, float, float, float]]], **changed: Any
) -> dict[str, Any]:
    """A COCO file of 200 × 100 images and their boxes, by name; `changed` replaces its lists."""
    classes = sorted({name for rows in boxes.values() for name, *_ in rows} | {"cone"})
    content: dict[str, Any] = {
        "images": [
            {"id": at, "file_name": name, "width": 200, "height": 100}
            for at, name in enumerate(boxes, start=1)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(classes, start=1)],
        "annotations": [
            {"image_id": image, "category_id": classes.index(name) + 1, "bbox": list(box)}
            for image, rows in enumerate(boxes.values(), start=1)
            for name, *box in rows
        ],
    }
    for at, annotation in enumerate(content["annotations"], start=1):
        annotation["id"] = at
    return {**content, **changed}
