"""How much each item looked at: in the page always, elsewhere where it is not all."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.record.result_text import left_out_text, looked_text
from pytest_detgate.report.page.page import render_page
from pytest_detgate.report.pull_request_summary import summary_markdown
from tests.report.sample import rule, sample_report


def looking(looked_at: int, to_look_at: int, *left_out: str) -> RuleResult:
    """A rule that passes and has something to see, of which it looked at so much."""
    finding = Finding(text="small", dataset="val", image="a.jpg")
    passed = rule(
        "box-bounds[val]", "passed", "1 box", Measurement.at_most("count", 1, 2), findings=[finding]
    )
    return replace(
        passed,
        looked_at=looked_at,
        to_look_at=to_look_at,
        look_unit="images",
        left_out=list(left_out),
    )


def report_of(*rules: RuleResult) -> Report:
    return replace(sample_report(), verdict="passed", rules=list(rules))


@pytest.mark.parametrize(
    ("result", "looked", "left_out"),
    [
        (looking(3, 10), "looked at 3 of 10 images", "looked at 3 of 10 images"),
        (looking(1200, 1200), "looked at 1,200 of 1,200 images", ""),
        (looking(0, 0), "looked at 0 of 0 images", "looked at 0 of 0 images"),
        (replace(looking(1, 1), looked_at=None, to_look_at=None), "", ""),
    ],
)
def test_text(result: RuleResult, looked: str, left_out: str) -> None:
    assert looked_text(result) == looked
    assert left_out_text(result) == left_out


def test_page_says_how_much_was_looked_at(
    tmp_path: Path,
) -> None:
    """Page says it always beside the evidence and in the table where it is not all."""
    whole = render_page(report_of(looking(10, 10)), tmp_path)
    part = render_page(report_of(looking(3, 10, "7 images are <b>gone</b>")), tmp_path)

    assert whole.count("Looked at 10 of 10 images") == 1
    assert part.count("Looked at 3 of 10 images") == 2
    assert "7 images are &lt;b&gt;gone&lt;/b&gt;" in part


def test_summary_lists_a_rule_that_passed_on_less(tmp_path: Path) -> None:
    summary = summary_markdown(report_of(looking(3, 10), looking(10, 10)), "index.html")

    rows = [line for line in summary.splitlines() if line.startswith("| ")]
    assert len(rows) == 3
    assert rows[-1].startswith("| ✅ passed | `box-bounds[val]` | count 1, at most 2 |")
    assert rows[-1].endswith("(looked at 3 of 10 images) |")
