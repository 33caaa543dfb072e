"""Fixtures of the tests of single rules."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_detgate.record.report import RuleResult
from tests.content import write_json
from tests.judged import judged
from tests.rules.expecting import COCO, DETECTIONS, HEAD


@pytest.fixture
def evaluated(tmp_path: Path) -> Callable[..., RuleResult]:
    """A function from a rule's table to the result of its only item."""
    write_json(tmp_path / "train.json", COCO)
    results_path = write_json(tmp_path / "found.json", DETECTIONS)

    def evaluate(rule: str, head: str = HEAD) -> RuleResult:
        config = head + "[rules.expectations]\n" + textwrap.dedent(rule)
        (result,) = judged(tmp_path, config, {"train": results_path}).values()
        return result

    return evaluate
