"""What the terminal says of values, bounds and limits."""

from __future__ import annotations

import pytest

from pytest_detgate.findings import Finding, Interval, Measurement
from pytest_detgate.plugin.output.wording import failure_text
from pytest_detgate.record.report import RuleResult
from pytest_detgate.record.result_text import compared, held_against_limit

POISSON = Interval(low=1.36632, high=9.15352, confidence=0.95, method="exact Poisson")
BOOTSTRAP = Interval(low=0.8312, high=0.9, confidence=0.9, method="bootstrap of 40 clips")


@pytest.mark.parametrize(
    ("measured", "summary", "section"),
    [
        (
            Measurement.at_most("boxes", 4, 8, bound="upper", interval=POISSON),
            "boxes 4, upper bound 9.15 > 8",
            "boxes 4, upper bound 9.15 (95%, exact Poisson), at most 8",
        ),
        (
            Measurement.at_most("boxes", 4, 10, bound="upper", interval=POISSON),
            "boxes 4, upper bound 9.15 <= 10",
            "boxes 4, upper bound 9.15 (95%, exact Poisson), at most 10",
        ),
        (
            Measurement.at_least("ap", 0.87, 0.85, bound="lower", interval=BOOTSTRAP),
            "ap 0.87, lower bound 0.831 < 0.85",
            "ap 0.87, lower bound 0.831 (90%, bootstrap of 40 clips), at least 0.85",
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
        "  boxes 4, upper bound 9.15 (95%, exact Poisson), at most 8",
        "    <- over the limit",
    ]
    assert max(map(len, lines)) <= 79


def test_whatever_a_name_holds_the_section_keeps_its_shape() -> None:
    """A file name may be long, hold line breaks and escapes, or begin as a command of a runner."""
    names = ["x" * 300, "two\nlines", "::error::no", "\x1b[31mred", "##[error]no"]
    findings = [Finding(text=name, image=name) for name in names]

    for number in range(len(names)):
        result = RuleResult(
            id="own",
            code="own",
            verdict="failed",
            message=names[number],
            measurements=[Measurement.at_most(names[number], 2, 1)],
            findings=[findings[number]] * 9,
            findings_total=1234,
            advice=f"{names[number]} and {names[number]}",
        )
        lines = failure_text(result).splitlines()
        assert max(map(len, lines)) <= 79
        assert not [line for line in lines if line.lstrip().startswith(("::", "##["))]
        assert not [sign for line in lines for sign in line if ord(sign) < 32]
        assert sum(line.startswith("  - ") for line in lines) == 4
        assert "  - and 1,231 more; report.json lists 9 of all 1,234" in lines


def test_lines_that_would_be_commands_get_a_backslash() -> None:
    result = RuleResult(id="own", code="own", verdict="not-evaluated", message="::error::no")

    assert failure_text(result).splitlines()[0] == "\\::error::no"


def test_mark_of_an_entry_is_on_the_line_of_a_long_name() -> None:
    name = "val/train/images/IMG_0873_MOV-10_jpg.rf.14fa8d79b68f5e05ad10827bf55d7d2b.jpg"
    result = RuleResult(
        id="a", code="a", verdict="failed", message="", findings=[Finding(text="odd", image=name)]
    )

    lines = failure_text(result).splitlines()

    (first,) = [line for line in lines if line.startswith("  - ")]
    assert first == f"  - {name}"[:78]
    assert max(map(len, lines)) < 80
