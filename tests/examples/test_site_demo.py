"""The demo of the example tells a gate that blocks for the right reason from any other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.record.report import ConfigRecord, DatasetRecord, Report, RuleResult
from pytest_detgate.record.report_file import write_report

DEMO = Path(__file__).parents[2] / "examples" / "site" / "demo.py"
BLOCKED = "operating-point"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module `demo.py`, which finds its reports in a folder of the test."""
    spec = importlib.util.spec_from_file_location("site_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "site_demo", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    return module


def result(item: str, verdict: Verdict, name: str, value: float) -> RuleResult:
    measured = Measurement.shown(name, value)
    return RuleResult(
        id=item,
        code=item.split("[")[0],
        verdict=verdict,
        message="as drawn",
        measurements=[measured],
    )


def as_meant(demo: ModuleType) -> dict[str, RuleResult]:
    """The results of the first gate as the example is meant to give them."""
    gate = demo.TRAINED[0]
    verdicts: dict[str, Verdict] = dict.fromkeys(gate.passed, "passed")
    verdicts |= dict.fromkeys(gate.failed, "failed")
    values = {**gate.passed, **gate.failed}
    return {
        item: result(item, verdict, values[item].name, values[item].low)
        for item, verdict in verdicts.items()
    }


def message_of(demo: ModuleType, results: dict[str, RuleResult], code: int = 1) -> tuple[str, bool]:
    gate = demo.TRAINED[0]
    report = Report(
        verdict="failed",
        started="2026-11-20T10:00:00Z",
        duration_s=1.0,
        command=["pytest"],
        versions={},
        config=ConfigRecord(path="detgate.toml", sha256="0"),
        dataset=DatasetRecord(),
        rules=list(results.values()),
    )
    write_report(report, demo.HERE / gate.report / "report.json")
    text: tuple[str, bool] = demo.told_of(gate, code)
    return text


def test_the_right_rules_with_the_right_values_are_as_expected(demo: ModuleType) -> None:
    text, as_expected = message_of(demo, as_meant(demo))

    assert as_expected, text


def test_blocked_for_another_reason_is_not(demo: ModuleType) -> None:
    """Two trainings that raced for a cache left a model that could not be evaluated: exit code 1,
    as expected, and for the wrong reason."""
    results = as_meant(demo)
    results[BLOCKED] = msgspec.structs.replace(results[BLOCKED], verdict="not-evaluated")

    text, as_expected = message_of(demo, results)

    assert not as_expected
    assert f"NOT AS EXPECTED: {BLOCKED} is not-evaluated, expected failed" in text


def test_one_more_rule_that_fails_is_not(demo: ModuleType) -> None:
    results = as_meant(demo)
    results["training-seed"] = result("training-seed", "failed", "seed", 0)

    text, as_expected = message_of(demo, results)

    assert not as_expected
    assert "training-seed is failed, expected passed or waived" in text


def test_another_value_is_not(demo: ModuleType) -> None:
    results = as_meant(demo)
    results["probe-fp[same-sites]"] = result("probe-fp[same-sites]", "failed", "boxes", 76)

    text, as_expected = message_of(demo, results)

    assert not as_expected
    assert "probe-fp[same-sites] has boxes 76, expected 100 to 400" in text


def test_an_item_that_is_missing_is_not(demo: ModuleType) -> None:
    results = as_meant(demo)
    del results[BLOCKED]

    text, as_expected = message_of(demo, results)

    assert not as_expected
    assert f"{BLOCKED} is missing from the report" in text


def test_another_exit_code_is_not(demo: ModuleType) -> None:
    text, as_expected = message_of(demo, as_meant(demo), code=3)

    assert not as_expected
    assert "the exit code is 3, expected 1" in text
