"""Histograms: heights of bins, shares of sets, logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from pytest_detgate.evidence import Histogram, Mark
from pytest_detgate.report.charts.draw import drawing_of

from .reading import Plot, corners, narrow, scale, wide
from .samples import DEGENERATE, bins, names

BOTH = pytest.mark.parametrize("drawn", [wide, narrow], ids=["wide", "narrow"])
Draw = Callable[[Histogram], Plot]


def tick(plot: Plot, text: str) -> float:
    """The pixel of a tick of the axis of values, whose number is 4 pixels below it."""
    return plot.point(text, "end")[1] - 4


def upwards(
    plot: Plot, first: tuple[str, float], other: tuple[str, float]
) -> Callable[[float], float]:
    return scale((tick(plot, first[0]), first[1]), (tick(plot, other[0]), other[1]))


@BOTH
def test_sets_are_outlines_of_their_own_shares(drawn: Draw) -> None:
    plot = drawn(bins())
    (left, _), (right, _) = plot.runs("axis")[0]
    x = scale((left, 0), (right, 40))
    y = upwards(plot, ("0%", 0), ("40%", 0.4))

    train, val = plot.runs("curve")
    for run, shares in ((train, (0.5, 0.3, 0.2)), (val, (0.1, 0.4, 0.5))):
        positions = [(x(a), y(b)) for a, b in run]
        single, two, three = shares
        outline = [
            (0, 0),
            (0, single),
            (10, single),
            (10, two),
            (20, two),
            (20, three),
            (40, three),
            (40, 0),
        ]
        assert positions == [pytest.approx(position, abs=0.08) for position in outline]
        assert [b for _, b in positions] == pytest.approx([b for _, b in outline], abs=0.003)
    first, second = plot.paths("curve")
    assert first.get("stroke-dasharray") != second.get("stroke-dasharray")
    (mark,) = plot.runs("mark")
    assert x(mark[0][0]) == pytest.approx(32, abs=0.1)


@BOTH
def test_one_set_is_bars_of_counts(drawn: Draw) -> None:
    chart = Histogram(
        title="t", about="a", label="x", edges=[0, 2, 4, 6], counts={"val": [90, 0, 30]}
    )
    plot = drawn(chart)
    y = upwards(plot, ("0", 0), ("50", 50))

    (path,) = plot.paths("bar")
    heights = [y(top) - y(bottom) for _, top, _, bottom in corners(path)]
    assert heights == pytest.approx([90, 30], abs=0.2)


@BOTH
def test_a_logarithmic_axis_has_equal_steps_for_equal_factors(drawn: Draw) -> None:
    chart = Histogram(
        title="t", about="a", label="x", edges=[0, 1, 2, 3], counts={"s": [1000, 10, 1]}, log=True
    )
    plot = drawn(chart)
    y = upwards(plot, ("1", 0), ("100", 2))

    (path,) = plot.paths("bar")
    tops = [y(top) for _, top, _, _ in corners(path)]
    assert tops == pytest.approx([3, 1, 0], abs=0.01)
    assert y(next(corners(path))[3]) == pytest.approx(math.log10(0.5), abs=0.01)


@BOTH
def test_names_have_a_bar_for_each_set(drawn: Draw) -> None:
    plot = drawn(names())
    (left, _), _ = plot.runs("axis")[0]
    middle = plot.point("50%" if drawn is narrow else "20%")[0]
    x = scale((left, 0), (middle, 0.5 if drawn is narrow else 0.2))

    train, val = plot.paths("bar")
    assert [x(right) for _, _, right, _ in corners(train)] == pytest.approx([0.75, 0.25], abs=0.005)
    assert [x(right) for _, _, right, _ in corners(val)] == pytest.approx([0.25, 0.75], abs=0.005)
    assert plot.words().count("75%") == plot.words().count("25%") == 2


def test_counts_are_drawn_where_shares_are_not_asked_for() -> None:
    chart = Histogram(
        title="t",
        about="a",
        label="x",
        names=["a", "b"],
        counts={"s": [4, 2], "t": [1, 0]},
        shares=False,
    )

    assert {"4", "2", "1", "0"} <= set(wide(chart).words())
    assert drawing_of(chart, "one").rows == [["a", "4", "1"], ["b", "2", "0"]]


def test_a_limit_goes_across() -> None:
    chart = Histogram(
        title="t",
        about="a",
        label="x",
        edges=[0, 1, 2],
        counts={"s": [100, 50]},
        marks=[Mark(label="at least 20", at=20, axis="y")],
    )
    plot = wide(chart)

    (mark,) = plot.runs("mark")
    assert [upwards(plot, ("0", 0), ("100", 100))(y) for _, y in mark] == pytest.approx(
        [20, 20], abs=0.1
    )
    assert "at least 20" in plot.words()


def test_of_many_names_the_most_frequent_are_drawn() -> None:
    plot = wide(DEGENERATE["300 names"])

    assert "class_299" in plot.words()
    assert "class_270" in plot.words()
    assert "class_269" not in plot.words()
    assert "30 of 300 names are drawn" in drawing_of(DEGENERATE["300 names"], "one").caption


def test_the_table_has_counts_and_shares() -> None:
    drawing = drawing_of(bins(), "one")

    assert drawing.columns == ["height", "train", "val"]
    assert drawing.rows == [
        ["0 – 10", "50 (50%)", "1 (10%)"],
        ["10 – 20", "30 (30%)", "4 (40%)"],
        ["20 – 40", "20 (20%)", "5 (50%)"],
    ]
    assert drawing.caption == "3 bins. Counted in all: train 100, val 10."


@BOTH
def test_logarithmic_edges_have_equal_steps(drawn: Draw) -> None:
    """Four doublings are four equal steps, and the mark at 4 is in the middle of them."""
    chart = Histogram(
        title="t",
        about="a",
        label="x",
        edges=[1, 2, 4, 8, 16],
        counts={"a": [4, 3, 2, 1], "b": [1, 1, 1, 1]},
        marks=[Mark(label="small below", at=4)],
        log_edges=True,
    )
    plot = drawn(chart)
    (left, _), (right, _) = plot.runs("axis")[0]
    step = (right - left) / 4

    for run in plot.runs("curve"):
        turns = sorted({round((x - left) / step, 2) for x, _ in run})
        assert turns == pytest.approx([0, 1, 2, 3, 4], abs=0.02)
    (mark,) = plot.runs("mark")
    assert [(x - left) / step for x, _ in mark] == pytest.approx([2, 2], abs=0.02)
    assert {"1", "16"} & set(plot.words())


def test_edges_that_have_no_logarithm_are_drawn_as_they_are() -> None:
    edges: list[float] = [0, 1, 3, 4]
    chart = Histogram(
        title="t", about="a", label="x", edges=edges, counts={"s": [1, 2, 3]}, log_edges=True
    )
    plot = wide(chart)
    (left, _), (right, _) = plot.runs("axis")[0]

    (path,) = plot.paths("bar")
    starts = [(x - left) / (right - left) for x, _, _, _ in corners(path)]
    assert starts == pytest.approx([0, 1 / 4, 3 / 4], abs=0.01)


@BOTH
def test_a_mark_on_names_parts_the_first_of_them_from_the_rest(drawn: Draw) -> None:
    chart = Histogram(
        title="t",
        about="a",
        label="frames",
        names=["0", "1", "2-5", "over 5"],
        counts={"val": [4, 3, 2, 1]},
        marks=[Mark(label="within 1", at=2)],
        shares=False,
    )
    plot = drawn(chart)

    (mark,) = plot.runs("mark")
    (path,) = plot.paths("bar")
    _, second, third, _ = [(top + bottom) / 2 for _, top, _, bottom in corners(path)]
    assert [y for _, y in mark] == pytest.approx([(second + third) / 2] * 2, abs=0.6)
    assert "within 1" in plot.words()
