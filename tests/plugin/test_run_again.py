"""A plugin such as pytest-rerunfailures runs a test again where it failed: the last run counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.conftest import GateProject

AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for number in range(3):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = [report for report in reports if report.failed]
        for report in failed if number < 2 else []:
            report.outcome = "rerun"
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            break
    return True
"""
TEST = """
import pytest
RUNS = []

@pytest.fixture
def early():
    {early}

@pytest.fixture
def late():
    yield
    {late}

def test_it(early, late, detgate_record):
    RUNS.append(1)
    if len(RUNS) == 1:
        detgate_record.finding("here", dataset="val", image="roof_1.jpg")
    detgate_record.at_most("x", {value}, 1)
"""
ONCE = "RUNS.append(1)\n    assert len(RUNS) > 1"


def gated(project: GateProject, *arguments: str, **parts: str) -> tuple[pytest.RunResult, Any]:
    """Run a test that is run up to three times; the result and its part of the record."""
    filled = {"early": "pass", "late": "pass", "value": "0", **parts}
    project.write("conftest.py", AGAIN)
    project.write("test_own.py", TEST.format(**filled))
    gate = project.gate if "-n" in arguments else project.gate_here
    result = gate("test_own.py", *arguments)
    (rule,) = [rule for rule in project.report["rules"] if rule["id"].startswith("test_own.py::")]
    return result, rule


@pytest.mark.parametrize(
    ("parts", "runs"),
    [
        ({"value": "2 if len(RUNS) == 1 else 0"}, 2),
        ({"value": "2 if len(RUNS) < 3 else 0"}, 3),
        ({"value": "float('nan') if len(RUNS) == 1 else 0"}, 2),
        ({"early": ONCE}, 2),
        ({"late": "assert len(RUNS) > 1"}, 2),
    ],
)
def test_the_last_run_of_a_test_counts(
    project: GateProject, parts: dict[str, str], runs: int
) -> None:
    result, rule = gated(project, **parts)

    assert result.ret == 0
    assert (rule["verdict"], rule["message"]) == ("passed", f"x 0, at most 1 (run {runs} times)")
    assert rule["findings"] == []
    assert "findings_files" not in rule or rule["findings_files"] == []


def test_the_last_run_counts_in_a_worker(project: GateProject) -> None:
    result, rule = gated(project, "-n", "2", value="2 if len(RUNS) == 1 else 0")

    assert (result.ret, rule["verdict"]) == (0, "passed")


def test_a_test_that_fails_each_time(project: GateProject) -> None:
    result, rule = gated(project, value="2")

    assert (result.ret, rule["verdict"]) == (1, "failed")
    assert rule["message"] == "x 2, at most 1 (run 3 times)"


def test_the_last_run_of_a_rule_counts(project: GateProject) -> None:
    project.write("data/train.json", "{")
    project.write("conftest.py", AGAIN)

    project.gate_here("detgate.toml")

    (rule,) = [rule for rule in project.report["rules"] if rule["id"] == "empty-gt-share[train]"]
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"].endswith("(run 3 times)")
