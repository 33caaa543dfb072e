"""A small project to gate: a split that leaks, result files, and a probe with false boxes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

import tests.plugin.in_process  # noqa: F401  (for `gate_here`)
from pytest_detgate.testing import coco_content
from tests.content import result_rows
from tests.forked import run_forked
from tests.plugin.records import report_in

CONFIG = """
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
[dataset.splits.train]
annotations = "data/train.json"
images = "data/images"
[dataset.splits.val]
annotations = "data/val.json"
images = "data/images"
[probes.youtube]
annotations = "data/youtube.json"
images = "probes/youtube"
[rules.empty-gt-share]
splits = ["train"]
min = 0.25
[rules.clip-overlap]
between = ["train", "val"]
[rules.probe-fp]
max-boxes = 1
[rules.mean-ap]
min = 0.85
[rules.class-ap]
min = 0.85
"""
IDS = [
    "detgate.toml::empty-gt-share[train]",
    "detgate.toml::clip-overlap[train-val]",
    "detgate.toml::probe-fp[youtube]",
    "detgate.toml::mean-ap",
    "detgate.toml::class-ap[helmet_off]",
]


@dataclass
class GateProject:
    """A project in a folder of its own, run with result files."""

    pytester: pytest.Pytester

    arguments = (
        "--detgate-predictions=val=found/val.json",
        "--detgate-predictions=youtube=found/youtube.json",
    )

    def write(self, name: str, content: Any) -> None:
        """Write a file of the project, JSON unless it is text."""
        path = self.pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def gate(self, *arguments: str, with_predictions: bool = True) -> pytest.RunResult:
        """Run pytest in the project, in a process of its own."""
        predictions = self.arguments if with_predictions else ()
        return run_forked(self.pytester, *predictions, *arguments)

    def gate_here(self, *arguments: str, with_predictions: bool = True) -> pytest.RunResult:
        """Run pytest in the project, in this process, which is ten times as fast."""
        predictions = self.arguments if with_predictions else ()
        return self.pytester.runpytest_inprocess("-p", "no:randomly", *predictions, *arguments)

    @property
    def report(self) -> dict[str, Any]:
        """The record of the last run."""
        return report_in(self.pytester.path)

    def verdicts(self) -> dict[str, str]:
        """Verdicts of the last run by item."""
        return {rule["id"]: rule["verdict"] for rule in self.report["rules"]}


@pytest.fixture
def project(pytester: pytest.Pytester) -> GateProject:
    """A project that passes every rule of `CONFIG`."""
    pytester.makeini("[pytest]\n")
    box = ("helmet_off", 10, 10, 40, 40)
    train = {"yard_1.jpg": [box], "yard_2.jpg": []}
    val = {"roof_1.jpg": [box], "roof_2.jpg": [box], "roof_3.jpg": []}
    youtube: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}
    project = GateProject(pytester)
    project.write("detgate.toml", CONFIG)
    project.write("data/train.json", coco_content(train))
    project.write("data/val.json", coco_content(val))
    project.write("data/youtube.json", coco_content(youtube))
    detection = ("helmet_off", 0.8, 10, 10, 40, 40)
    project.write(
        "found/val.json",
        result_rows(val, {"roof_1.jpg": [detection], "roof_2.jpg": [detection]}),
    )
    project.write("found/youtube.json", result_rows(youtube, {"tube_2.jpg": [detection]}))
    return project
