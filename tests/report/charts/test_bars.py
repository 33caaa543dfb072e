"""Bars: lengths, bounds and limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import Bar, BarChart
from pytest_detgate.report.charts.draw import drawing_of

from .reading import Plot, corners, narrow, scale, wide
from .samples import DEGENERATE, bars

BOTH = pytest.mark.parametrize("drawn", [wide, narrow], ids=["wide", "narrow"])
Draw = Callable[[BarChart], Plot]


def across(plot: Plot) -> Callable[[float], float]:
    (left, _), (right, _) = plot.runs("axis")[0]
    return scale((left, 0), (right, 1))


@BOTH
def test_bars_are_as_long_as_their_values(drawn: Draw) -> None:
    plot = drawn(bars())
    x = across(plot)
    good, bad = plot.paths("bar")

    ((left, top, right, bottom),) = corners(good)
    assert (x(left), x(right)) == pytest.approx((0, 0.9), abs=0.002)
    assert good.get("fill") == "var(--series-1)"
    assert plot.point("helmet")[1] == pytest.approx((top + bottom) / 2 + 4, abs=0.2)
    ((left, _, right, _),) = corners(bad)
    assert (x(left), x(right)) == pytest.approx((0, 0.5), abs=0.002)
    assert bad.get("fill") == "var(--failed)"


@BOTH
def test_bounds_and_limits_stand_at_their_values(drawn: Draw) -> None:
    plot = drawn(bars())
    x = across(plot)

    whiskers = [[x(a) for a, _ in run] for run in plot.runs("whisker")]
    assert whiskers == [
        pytest.approx([0.85, 0.95], abs=0.002),
        pytest.approx([0.3, 0.7], abs=0.002),
    ]
    limits = [[x(a) for a, _ in run] for run in plot.runs("limit")]
    assert limits == [pytest.approx([0.8, 0.8], abs=0.002), pytest.approx([0.6, 0.6], abs=0.002)]


@BOTH
def test_a_missed_limit_is_told_by_more_than_a_colour(drawn: Draw) -> None:
    plot = drawn(bars())

    # One in the key and one on the row.
    assert len(plot.paths("cross")) == 2
    assert plot.word("bare").get("font-weight") == "600"
    assert plot.word("helmet").get("font-weight") is None
    assert {"limit", "interval", "misses its limit", "no value"} <= set(plot.words())


def test_negative_values_go_left_from_zero() -> None:
    values = [Bar(name="up", value=30), Bar(name="down", value=-10)]
    plot = wide(BarChart(title="t", about="a", label="x", bars=values, span=(-10, 30)))
    (left, _), (right, _) = plot.runs("axis")[0]
    x = scale((left, -10), (right, 30))

    (path,) = plot.paths("bar")
    ends = [(x(a), x(b)) for a, _, b, _ in corners(path)]
    assert ends == [pytest.approx((0, 30), abs=0.1), pytest.approx((-10, 0), abs=0.1)]


def test_a_value_is_never_said_as_its_limit_by_rounding() -> None:
    values = [Bar(name="a", value=0.849996, limit=0.85, passed=False), Bar(name="b", value=0.9)]
    plot = wide(BarChart(title="t", about="a", label="x", bars=values))

    assert {"0.849996", "0.900000"} <= set(plot.words())


def test_of_too_many_bars_those_over_the_limit_stay() -> None:
    """Where there are too many those that miss their limit stay."""
    values = [Bar(name=f"bar {number}", value=number, passed=number != 99) for number in range(100)]
    chart = BarChart(title="t", about="a", label="x", bars=values)
    text = wide(chart).words()

    assert "bar 99" in text
    assert "bar 38" in text
    assert "bar 39" not in text
    assert "40 of 100 are drawn" in drawing_of(chart, "one").caption


def test_the_table_has_the_numbers() -> None:
    drawing = drawing_of(bars(), "one")

    assert drawing.columns == ["Name", "AP", "From", "To", "Limit", "Held"]
    assert drawing.rows == [
        ["helmet", "0.9", "0.85", "0.95", "0.8", "yes"],
        ["bare", "0.5", "0.3", "0.7", "0.6", "no"],
        ["vest", "–", "–", "–", "–", "–"],
    ]


def test_a_long_table_is_cut_in_words() -> None:
    drawing = drawing_of(DEGENERATE["300 bars"], "one")

    assert len(drawing.rows) == 60
    assert drawing.caption.startswith("The first 60 of 300 values.")


@BOTH
def test_an_axis_that_a_span_keeps_from_zero_has_no_line_there(drawn: Draw) -> None:
    given = BarChart(
        title="t", about="a", label="AP", bars=[Bar(name="b", value=0.8)], span=(0.5, 1)
    )

    plot, other = drawn(given), drawn(replace(given, span=(0, 1)))

    assert len(plot.runs("axis")) + 1 == len(other.runs("axis"))
