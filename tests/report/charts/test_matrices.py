"""Matrices: shades by row, the diagonal, and which cells are drawn where there are too many."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_detgate.evidence import Matrix
from pytest_detgate.report.charts.draw import drawing_of

from .reading import Plot, corners, narrow, wide
from .samples import matrix


def shades(plot: Plot) -> dict[tuple[int, int], float]:
    """The strength of each shaded cell by row and column, from the first cell on."""
    left, top, _, _ = grid(plot)
    width, height = cell(plot)
    collected = {}
    for path in plot.paths("cell"):
        for x0, y0, _, _ in corners(path):
            index = round((y0 - top) / height), round((x0 - left) / width)
            collected[index] = float(path.attrib["fill-opacity"])
    return collected


def grid(plot: Plot) -> tuple[float, float, float, float]:
    ends = [end for path in plot.paths("grid") for end in corners(path)]
    return ends[0][0], min(end[1] for end in ends), ends[0][2], max(end[3] for end in ends)


def cell(plot: Plot) -> tuple[float, float]:
    rows, columns = plot.runs("grid"), plot.runs("grid")
    downs = sorted(run[0][1] for run in rows if run[0][1] == run[1][1])
    acrosses = sorted(run[0][0] for run in columns if run[0][0] == run[1][0])
    return acrosses[1] - acrosses[0], downs[1] - downs[0]


def test_cells_are_shaded_by_their_share_of_the_row() -> None:
    result = shades(wide(matrix()))

    # Rows sum to 100, 40 and 7; the strongest shade, of a whole row, is 0.45.
    assert set(result) == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 0)}
    for cell, share in {
        (0, 0): 0.8,
        (0, 1): 0.15,
        (1, 1): 0.75,
        (1, 2): 0.25,
        (2, 0): 1.0,
    }.items():
        assert result[cell] == pytest.approx(0.45 * share, abs=0.45 / 30 + 0.005)


@pytest.mark.parametrize(
    ("drawn", "name"),
    [(wide, "helmet"), (wide, "helmet_off_person_in_the_rain"), (narrow, "helmet_off_person_x")],
)
def test_counts_stand_in_their_cells_and_the_diagonal_is_framed(
    drawn: Callable[[Matrix], Plot], name: str
) -> None:
    plot = drawn(matrix(name))
    left, top, _, _ = grid(plot)
    width, height = cell(plot)

    for text, row, column in (("80", 0, 0), ("15", 0, 1), ("30", 1, 1), ("10", 1, 2), ("7", 2, 0)):
        x, y = plot.point(text)
        assert x == pytest.approx(left + (column + 0.5) * width, abs=0.2)
        assert top + row * height < y - 6 < y < top + (row + 1) * height
    framed = [end for path in plot.paths("same") for end in corners(path)]
    for index, (x0, y0, x1, y1) in enumerate(framed):
        assert (x0, y0) == pytest.approx((left + index * width, top + index * height), abs=0.2)
        assert (x1 - x0, y1 - y0) == pytest.approx((width, height), abs=0.2)
    assert len(framed) == 3


def test_the_diagonal_is_that_of_names() -> None:
    chart = Matrix(
        title="t",
        about="a",
        row_label="r",
        column_label="c",
        rows=["a", "b"],
        columns=["b", "a", "none"],
        counts=[[0, 5, 1], [6, 0, 2]],
    )
    plot = wide(chart)
    left, top, _, _ = grid(plot)
    width, height = cell(plot)

    positions = [
        (round((y0 - top) / height), round((x0 - left) / width))
        for path in plot.paths("same")
        for x0, y0, _, _ in corners(path)
    ]
    assert positions == [(0, 1), (1, 0)]


def test_of_many_classes_those_most_confused_are_drawn() -> None:
    classes = [f"class_{number}" for number in range(60)]
    counts = [[0] * 60 for _ in classes]
    for number in range(60):
        counts[number][number] = 1000
    counts[41][57] = 9
    chart = Matrix(
        title="t",
        about="a",
        row_label="r",
        column_label="c",
        rows=classes,
        columns=classes,
        counts=counts,
    )
    drawing = drawing_of(chart, "one")

    for plot in (wide(chart), narrow(chart)):
        assert plot.words().count("class_41") == plot.words().count("class_57") == 2
        assert "class_59" not in plot.words()
    assert "24 of 60 rows" in drawing.caption
    assert "the 8 × 8 with the most confusions" in narrow(chart).words()


def test_large_counts_are_rounded_where_cells_are_small() -> None:
    classes = [f"class_{number}" for number in range(20)]
    counts = [[123_456 if row == column else 0 for column in range(20)] for row in range(20)]
    chart = Matrix(
        title="t",
        about="a",
        row_label="r",
        column_label="c",
        rows=classes,
        columns=classes,
        counts=counts,
    )

    assert wide(chart).words().count("123k") == 20
    assert drawing_of(chart, "one").rows[0][1] == "123,456"


def test_the_table_has_the_counts() -> None:
    drawing = drawing_of(matrix(), "one")

    assert drawing.columns == ["true ↓ / detected →", "helmet", "bare", "background"]
    assert drawing.rows == [
        ["helmet", "80", "15", "5"],
        ["bare", "0", "30", "10"],
        ["background", "7", "0", "0"],
    ]
