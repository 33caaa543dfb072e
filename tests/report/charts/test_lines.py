"""Curves: each point where its numbers say, on both drawings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.report.charts.draw import drawing_of
from pytest_detgate.report.charts.text_layout import width_of

from .reading import TENTH, Plot, corners, narrow, plots, scale, wide
from .samples import lines

BOTH = pytest.mark.parametrize("drawn", [wide, narrow], ids=["wide", "narrow"])
Draw = Callable[[LineChart], Plot]


def chart_of(*series: Series, **more: Any) -> LineChart:
    """A chart whose axes both go from 0 to 1."""
    panel = Panel(label="y", series=list(series), span=(0, 1))
    return LineChart(title="t", about="a", label="x", panels=[panel], span=(0, 1), **more)


def across(plot: Plot) -> Callable[[float], float]:
    """From pixels to the values of the lower axis, read from its ends at 0 and 1."""
    base = plot.runs("axis")[0]
    return scale((base[0][0], 0), (base[1][0], 1))


def upwards(plot: Plot, panel: int = 0, top: float = 1) -> Callable[[float], float]:
    """From pixels to the values of a panel, read from its grid, whose lines go from 0 to `top`."""
    lines = [run for path in plot.paths("grid")[panel : panel + 1] for run in corners(path)]
    return scale((max(line[3] for line in lines), 0), (min(line[1] for line in lines), top))


def values(
    plot: Plot, runs: list[list[tuple[float, float]]], panel: int = 0, top: float = 1
) -> list[list[object]]:
    """Runs of points as values: half a pixel is 1/500 of an axis or more, and would be seen."""
    x, y = across(plot), upwards(plot, panel, top)
    near = [
        [(pytest.approx(x(a), abs=0.001), pytest.approx(y(b), abs=0.002 * top)) for a, b in run]
        for run in runs
    ]
    return [list[object](run) for run in near]


@BOTH
def test_a_curve_goes_through_its_points(drawn: Draw) -> None:
    plot = drawn(chart_of(Series(name="s", x=[0, 0.2, 0.6, 1], y=[0.1, 0.9, 0.35, 0.5])))

    assert values(plot, plot.runs("curve")) == [[(0, 0.1), (0.2, 0.9), (0.6, 0.35), (1, 0.5)]]


@BOTH
def test_a_missing_value_is_a_gap(drawn: Draw) -> None:
    y = [0.1, 0.9, None, 0.5, 0.7, None, 0.2]
    plot = drawn(chart_of(Series(name="s", x=[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], y=y)))

    first, second = plot.runs("curve")
    assert values(plot, [first, second]) == [[(0, 0.1), (0.1, 0.9)], [(0.3, 0.5), (0.4, 0.7)]]
    # The value that stands alone makes no line, but a point.
    assert values(plot, [run[:1] for run in plot.runs("point")][-1:]) == [[(0.6, 0.2)]]


@BOTH
def test_a_point_without_a_place_is_not_drawn(drawn: Draw) -> None:
    series = Series(name="s", x=[0, float("nan"), 0.6, float("inf")], y=[0.1, 0.9, 0.35, 0.5])

    plot = drawn(chart_of(series))

    assert values(plot, plot.runs("curve")) == [[(0, 0.1), (0.6, 0.35)]]


@BOTH
def test_a_step_holds_until_the_next_point(drawn: Draw) -> None:
    series = Series(name="s", x=[0, 0.25, 0.5, 1], y=[0.9, 0.6, None, 0.2])
    plot = drawn(chart_of(series, form="step"))

    steps = [[(0, 0.9), (0.25, 0.9), (0.25, 0.6), (0.5, 0.6)]]
    assert values(plot, plot.runs("curve")) == steps


@BOTH
def test_dots_are_not_connected_and_have_whiskers(drawn: Draw) -> None:
    series = Series(name="s", x=[0.2, 0.8], y=[0.5, 0.6], low=[0.4, None], high=[0.7, None])
    plot = drawn(chart_of(series, form="dots"))

    assert not plot.paths("curve")
    _, *dots = plot.runs("point")  # the first is in the key
    assert values(plot, [run[:1] for run in dots]) == [[(0.2, 0.5)], [(0.8, 0.6)]]
    assert values(plot, plot.runs("whisker")) == [[(0.2, 0.4), (0.2, 0.7)]]


@BOTH
def test_bounds_are_a_band(drawn: Draw) -> None:
    series = Series(name="s", x=[0, 1], y=[0.5, 0.6], low=[0.4, 0.3], high=[0.7, 0.9])
    plot = drawn(chart_of(series))

    assert values(plot, plot.runs("band")) == [[(0, 0.4), (1, 0.3), (1, 0.9), (0, 0.7)]]


def test_a_long_curve_is_thinned_where_nobody_sees_it() -> None:
    values_of: list[float | None] = [*[0.5] * 1000, *[0.7] * 1001]
    series = Series(name="s", x=[number / 2000 for number in range(2001)], y=values_of)

    plot = wide(chart_of(series))

    (run,) = plot.runs("curve")
    assert len(run) < 20
    x, y = across(plot), upwards(plot)
    jump = [(x(a), y(b)) for a, b in run if 0.45 < x(a) < 0.55]
    assert all(b == pytest.approx(0.5 if a < 0.4998 else 0.7, abs=0.003) for a, b in jump)


@BOTH
def test_each_panel_has_its_own_axis(drawn: Draw) -> None:
    plot = drawn(lines())

    boxes, first, second, other = plot.runs("curve")
    assert values(plot, [boxes], panel=0, top=40) == [
        [(0, 40), (0.25, 20), (0.5, 10), (0.75, 6), (1, 0)]
    ]
    # The series that is told first is drawn last, on top.
    assert values(plot, [first], panel=1) == [[(0, 0.8), (0.5, 0.6), (1, 0.3)]]
    assert values(plot, [second, other], panel=1) == [
        [(0, 1), (0.25, 0.9)],
        [(0.75, 0.4), (1, 0)],
    ]


@BOTH
def test_the_score_axis_says_where_the_script_may_move_its_line(drawn: Draw) -> None:
    plot = drawn(lines())
    root, x = plot.root, across(plot)

    assert root.get("data-score-axis") is not None
    assert x(float(root.attrib["data-x0"])) == pytest.approx(0, abs=0.001)
    assert x(float(root.attrib["data-x1"])) == pytest.approx(1, abs=0.001)
    (moving,) = root.iter("line")
    assert moving.get("class") == "moving"
    assert x(float(moving.attrib["x1"])) == pytest.approx(0.3, abs=0.001)
    assert moving.attrib["x2"] == moving.attrib["x1"]
    assert (moving.attrib["y1"], moving.attrib["y2"]) == (
        root.attrib["data-top"],
        root.attrib["data-bottom"],
    )
    assert upwards(plot, 0, 40)(float(root.attrib["data-top"])) == pytest.approx(50, abs=0.1)
    assert upwards(plot, 1)(float(root.attrib["data-bottom"])) == pytest.approx(0, abs=0.002)
    assert moving.get("visibility") is None


def test_without_an_operating_mark_the_moving_line_waits_unseen() -> None:
    plot = wide(chart_of(Series(name="s", x=[0, 1], y=[0, 1]), score_axis=True))

    (moving,) = plot.root.iter("line")
    assert moving.get("visibility") == "hidden"


def test_other_charts_have_no_score_axis() -> None:
    plot = wide(chart_of(Series(name="s", x=[0, 1], y=[0, 1])))

    assert not list(plot.root.iter("line"))
    assert not [name for name in plot.root.attrib if name.startswith("data-")]


@BOTH
def test_marks_stand_at_their_values(drawn: Draw) -> None:
    plot = drawn(lines())
    x, y = across(plot), upwards(plot, 0, 40)

    limit, upper, lower = plot.runs("mark")
    assert [y(down) for _, down in limit] == pytest.approx([21, 21], abs=0.1)
    for mark in (upper, lower):
        assert [x(a) for a, _ in mark] == pytest.approx([0.3, 0.3], abs=0.001)


@BOTH
@pytest.mark.parametrize(
    "positions",
    [(0.4, 0.42, 0.44, 0.46), (0.28, 0.45, 0.5), (0.02, 0.25, 0.5), (0.9, 0.95, 1.0)],
    ids=str,
)
def test_words_of_marks_do_not_collide(drawn: Draw, positions: tuple[float, ...]) -> None:
    marks = [
        Mark(label=f"mark number {index} here", at=position)
        for index, position in enumerate(positions)
    ]
    plot = drawn(chart_of(Series(name="s", x=[0, 1], y=[0, 1]), marks=marks))

    boxes = []
    for mark in marks:
        x, y = plot.point(mark.label)
        wide = width_of(mark.label)
        start = x - wide if plot.word(mark.label).get("text-anchor") == "end" else x
        boxes.append((start, start + wide, y))
    for index, (start, end, y) in enumerate(boxes):
        for other_start, other_end, other_y in boxes[index + 1 :]:
            assert end <= other_start or other_end <= start or abs(y - other_y) >= 12
        # No line of another mark goes through the words.
        for (line, top), _ in plot.runs("mark"):
            assert not (start < line < end and top < y - 4)


def test_marks_without_room_are_told_in_the_caption() -> None:
    marks = [Mark(label=f"a mark with many words {number}", at=0.5) for number in range(6)]
    chart = chart_of(Series(name="s", x=[0, 1], y=[0, 1]), marks=marks)

    shown = [mark for mark in marks if mark.label in wide(chart).words()]
    caption = drawing_of(chart, "one").caption

    assert len(shown) == 4
    assert all(mark in shown or f"{mark.label} at 0.5" in caption for mark in marks)


def test_names_stand_at_the_ends_of_curves_apart_from_each_other() -> None:
    series = [Series(name=f"s{number}", x=[0, 1], y=[0, 0.5 + number / 50]) for number in range(3)]
    plot = wide(chart_of(*series))

    positions = [plot.point(line.name) for line in series]
    assert [plot.word(line.name).get("fill") for line in series] == [
        "var(--series-1)",
        "var(--series-2)",
        "var(--series-3)",
    ]
    downs = sorted(y for _, y in positions)
    assert all(b - a >= 14 - TENTH for a, b in pairwise(downs))
    assert [y for _, y in positions] == sorted((y for _, y in positions), reverse=True)


def test_names_whose_curves_end_together_make_a_key_instead() -> None:
    series = [Series(name=f"s{number}", x=[0, 1], y=[0.2 * number, 0]) for number in range(6)]

    plot = wide(chart_of(*series))

    assert len(plot.runs("key")) == 6
    dashes = [path.get("stroke-dasharray") for path in plot.paths("key")]
    assert len(set(dashes)) == 6


def test_curves_without_a_colour_are_told() -> None:
    series = [Series(name=f"s{number}", x=[0, 1], y=[0, number / 30]) for number in range(12)]
    chart = chart_of(*series)

    assert "8 curves have colours and names; 4 more are grey" in drawing_of(chart, "one").caption
    assert len(wide(chart).paths("curve")) == 12


def test_the_table_has_the_values_by_place() -> None:
    drawing = drawing_of(lines(), "one")

    assert drawing.columns == [
        "score threshold",
        "False boxes: helmet",
        "Recall: helmet",
        "Recall: other",
    ]
    assert drawing.rows == [
        ["0", "40 [30, 50]", "1", "0.8"],
        ["0.25", "20 [15, 25]", "0.9", "–"],
        ["0.5", "10 [8, 14]", "–", "0.6"],
        ["0.75", "6 [2, 9]", "0.4", "–"],
        ["1", "0 [0, 3]", "0", "0.3"],
    ]
    assert drawing.caption == "5 points."


def test_a_long_table_keeps_its_ends_and_marked_places() -> None:
    series = Series(name="s", x=[number / 1000 for number in range(1001)], y=[0.5] * 1001)
    drawing = drawing_of(chart_of(series, marks=[Mark(label="here", at=0.333)]), "one")

    positions = [row[0] for row in drawing.rows]
    assert len(positions) == 61
    assert (positions[0], positions[-1]) == ("0", "1")
    assert "0.333" in positions
    assert drawing.caption == "61 of 1,001 points."


@pytest.mark.parametrize("form", ["line", "step", "dots"])
def test_series_of_any_form_have_two_drawings(form: str) -> None:
    drawing = drawing_of(chart_of(Series(name="s", x=[0, 1], y=[0, 1]), form=form), "one")

    assert [plot.size[0] for plot in plots(drawing)] == [640, 350]


def test_a_table_of_a_hundred_steps_has_every_second() -> None:
    series = Series(name="s", x=[number / 100 for number in range(101)], y=[0.5] * 101)

    rows = drawing_of(chart_of(series), "one").rows

    assert [row[0] for row in rows[:3]] == ["0", "0.02", "0.04"]
    assert len(rows) == 51
