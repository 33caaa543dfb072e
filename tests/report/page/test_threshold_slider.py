"""What the page knows of other thresholds, and how it is written into a script element."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import ByThreshold, Evidence, Number
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.page import threshold_slider as tuning_module
from pytest_detgate.report.page.threshold_slider import (
    Tuning,
    script_data,
    start_of,
    threshold_that_passes,
    tuning_of,
)
from tests.report.sample import rule, sample_report

GRID = [0.1, 0.5, 0.9]


def tuned(
    *measurements: Measurement,
    values: dict[str, list[Number | None]],
    judged: dict[str, list[Number | None]] | None = None,
) -> RuleResult:
    by_threshold = ByThreshold(thresholds=GRID, values=values, held=judged or {})
    evidence = Evidence(by_threshold=by_threshold)
    return rule("probe-fp[p]", "failed", "", *measurements, evidence=evidence)


def of(*rules: RuleResult) -> Tuning:
    names = [f"name-{number}" for number in range(len(rules))]
    return tuning_of(sample_report(), rules, names)


def test_values_with_limits_are_told_with_what_is_held() -> None:
    interval = Interval(low=1.4, high=9.2, confidence=0.95, method="exact Poisson")
    made = of(
        tuned(
            Measurement.at_most("boxes", 4, 8, bound="upper", interval=interval),
            Measurement.at_most("images", 3, 6),
            Measurement.shown("max_score", 0.9),
            values={"boxes": [9, 4, 0], "images": [5, 3, 0], "max_score": [0.9, 0.9, None]},
            judged={"boxes": [15.7, 9.2, 3.0]},
        )
    )

    (result,) = made.rules
    assert made.axes == [GRID]
    assert (result.row, result.verdict, result.axis, result.others) == ("name-0", "failed", 0, True)
    assert [
        (measure.name, measure.limit, measure.relation, measure.bound)
        for measure in result.measures
    ] == [
        ("boxes", 8, "<=", "upper bound"),
        ("images", 6, "<=", ""),
    ]
    assert [measure.held for measure in result.measures] == [[15.7, 9.2, 3.0], [5, 3, 0]]


def test_a_value_that_does_not_move_still_fails_the_rule() -> None:
    made = of(
        tuned(
            Measurement.at_most("boxes", 4, 8),
            Measurement.at_least("recall", 0.5, 0.9),
            values={"boxes": [9, 4, 0]},
        )
    )

    assert made.rules[0].others is False


def test_rules_share_thresholds_unless_without_limits() -> None:
    """Rules share their thresholds and those without limits are left out."""
    values: dict[str, list[Number | None]] = {"boxes": [9, 4, 0]}
    first = tuned(Measurement.at_most("boxes", 4, 8), values=values)
    shown = tuned(Measurement.shown("boxes", 4), values=values)
    short = tuned(Measurement.at_most("boxes", 4, 8), values={"boxes": [1, 2]})

    made = of(first, shown, short, first)

    assert made.axes == [GRID]
    assert [rule.row for rule in made.rules] == ["name-0", "name-3"]


def test_a_cap_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_module, "RULES", 2)
    first = tuned(Measurement.at_most("boxes", 4, 8), values={"boxes": [9, 4, 0]})

    made = of(first, first, first, first)

    assert (len(made.rules), made.left_out) == (2, 2)


def test_nothing_in_the_data_ends_the_script_or_a_line_of_it() -> None:
    name = '</script><!--\u2028\u2029&amp;"'
    first = tuned(Measurement.at_most(name, 4, 8), values={name: [9, 4, 0]})

    text = str(script_data(of(first)))

    assert not set("<>&\u2028\u2029") & set(text)
    # Names are shown as everywhere on the page, where such separators are replaced.
    shown = '</script><!--\ufffd\ufffd&amp;"'
    assert json.loads(text)["rules"][0]["measures"][0]["name"] == shown


def test_the_page_opens_at_the_operating_point() -> None:
    assert start_of(sample_report()) == 0.3
    assert start_of(replace(sample_report(), score_threshold=None)) == 0.0


def test_no_threshold_passes_where_another_value_of_a_rule_fails() -> None:
    """At 0.5 and over there are few enough boxes; the share of images does not move."""
    floor = tuned(Measurement.at_least("recall", 0.8, 0.7), values={"recall": [0.9, 0.8, 0.1]})
    boxes = Measurement.at_most("boxes", 4, 4)
    good, bad = (Measurement.at_most("share", share, 0.2) for share in (0.1, 0.3))
    values: dict[str, list[Number | None]] = {"boxes": [9, 4, 0]}

    assert threshold_that_passes([floor, tuned(boxes, good, values=values)]) == 0.5
    assert threshold_that_passes([floor, tuned(boxes, bad, values=values)]) is None
