"""Results that come twice, or before the last word on an item."""

from __future__ import annotations

from typing import Literal

import pytest

from pytest_detgate.findings import Verdict
from pytest_detgate.plugin.promised.items import Selection
from pytest_detgate.plugin.promised.received import Received
from pytest_detgate.record.report import RuleResult
from tests.report.sample import rule

NODE = "detgate.toml::mean-ap"


def report(outcome: str, when: Literal["setup", "call", "teardown"] = "call") -> pytest.TestReport:
    known: Literal["passed"] = "passed"
    made = pytest.TestReport(
        nodeid=NODE, location=(NODE, 0, NODE), keywords={}, outcome=known, longrepr=None,
        when=when,
    )  # fmt: skip
    made.outcome = outcome  # type: ignore[assignment]  # a plugin gives others
    return made


def result_of(received: Received) -> RuleResult:
    (result,) = received.results(["mean-ap"], Selection(rules={NODE: "mean-ap"}))
    return result


@pytest.mark.parametrize("verdicts", [("failed", "passed"), ("passed", "failed")])
def test_of_two_results_the_worse_one_counts(verdicts: tuple[Verdict, Verdict]) -> None:
    received = Received()
    for verdict in verdicts:
        received.add(report("passed"), rule("mean-ap", verdict, verdict))

    assert result_of(received).verdict == "failed"


def test_a_run_that_is_repeated_says_nothing_yet() -> None:
    received = Received()
    received.add(report("rerun"), rule("mean-ap", "failed", "flaky"))

    assert result_of(received).verdict == "not-evaluated"

    received.add(report("passed", "teardown"), rule("mean-ap", "failed", "flaky"))
    assert result_of(received).verdict == "not-evaluated"

    received.add(report("passed", "setup"), None)
    received.add(report("passed"), rule("mean-ap", "passed", "AP 0.9"))
    assert result_of(received).message == "AP 0.9 (run 2 times)"
