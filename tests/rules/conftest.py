"""Fixtures of the tests of single rules."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.config.load import load_configuration
from pytest_detgate.gate.detections import ResultFiles
from pytest_detgate.gate.inputs import GateInputs
from pytest_detgate.gate.judge import judge
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import bind_rules
from tests.rules.expecting import COCO, FOUND, HEAD


@pytest.fixture
def evaluated(tmp_path: Path, write_json: Any) -> Callable[..., RuleResult]:
    """A function from a rule's table to the result of its only item."""
    write_json(tmp_path / "train.json", COCO)
    found = write_json(tmp_path / "found.json", FOUND)

    def evaluate(rule: str, head: str = HEAD) -> RuleResult:
        path = tmp_path / "detgate.toml"
        path.write_text(head + "[rules.expectations]\n" + textwrap.dedent(rule), encoding="utf-8")
        project = Project(load_configuration(path), tmp_path)
        (bound,) = bind_rules(project)
        (target,) = bound.targets
        return judge(bound, target, GateInputs(project, ResultFiles({"train": found}, project)))

    return evaluate
