"""What the terminal says of values, bounds and limits."""

from __future__ import annotations

import pytest

from pytest_detgate.audit.one_line import compared, held_against_limit
from pytest_detgate.audit.record import RuleResult
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.plugin.wording import failure_text

POISSON = Interval(low=1.36632, high=9.15352, confidence=0.95, method="exact Poisson")
BOOTSTRAP = Interval(low=0.8312, high=0.9, confidence=0.9, method="bootstrap of 40 clips")


@pytest.mark.parametrize(
    ("measured", "summary", "section"),
    [
        (
            Measurement.at_most("boxes", 4, 8, bound="upper", interval=POISSON),
            "boxes 4, upper bound 9.15 > 8",
            "boxes 4, upper bound 9.15 (95 %, exact Poisson), at most 8",
        ),
        (
            Measurement.at_most("boxes", 4, 10, bound="upper", interval=POISSON),
            "boxes 4, upper bound 9.15 <= 10",
            "boxes 4, upper bound 9.15 (95 %, exact Poisson), at most 10",
        ),
        (
            Measurement.at_least("ap", 0.87, 0.85, bound="lower", interval=BOOTSTRAP),
            "ap 0.87, lower bound 0.831 < 0.85",
            "ap 0.87, lower bound 0.831 (90 %, bootstrap of 40 clips), at least 0.85",
        ),
        # where the value itself is held, its interval says nothing about the verdict
        (
            Measurement.at_most("boxes", 9, 8, interval=POISSON),
            "boxes 9 > 8",
            "boxes 9, at most 8",
        ),
    ],
)
def test_a_bound_that_was_held_is_said(measured: Measurement, summary: str, section: str) -> None:
    assert compared(measured) == summary
    assert held_against_limit(measured) == section


def test_the_failure_section_keeps_to_the_width_of_a_terminal() -> None:
    measured = Measurement.at_most("boxes", 4, 8, bound="upper", interval=POISSON)
    result = RuleResult(
        id="probe-fp[youtube]",
        code="probe-fp",
        verdict="failed",
        message="4 false boxes on 2 of 6 frames, budget 8",
        measurements=[measured],
    )

    lines = failure_text(result).splitlines()

    assert lines[:3] == [
        "4 false boxes on 2 of 6 frames, budget 8",
        "  boxes 4, upper bound 9.15 (95 %, exact Poisson), at most 8",
        "    <- over the limit",
    ]
    assert max(map(len, lines)) <= 79
