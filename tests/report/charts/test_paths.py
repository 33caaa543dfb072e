"""Path data, against what the SVG specification makes of it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from pytest_detgate.report.charts.paths import path_data

from .reading import points

Run = list[tuple[float, float]]


@pytest.mark.parametrize(
    ("runs", "closed", "written"),
    [
        ([[(10, 20), (13, 24), (16.2, 23)]], False, "M10 20l3 4 3.2-1"),
        ([[(0, 0), (30, 0), (30, 5.5), (0, 5.5)]], True, "M0 0h30v5.5h-30z"),
        ([[(1, 1)], [(5, 5)]], False, "M1 1h0M5 5h0"),
        ([[(1, 1), (1, 1.01)]], False, "M1 1h0"),
        ([[(0, 0), (3, 4), (3, 4), (3, 4.01)]], False, "M0 0l3 4"),
        ([[(0, 0), (0.26, 0.26), (1, 0)]], False, "M0 0l.3 .3 .7-.3"),
        ([[(-0.04, -0.5), (10, 10)]], False, "M0-.5l10 10.5"),
        ([[]], False, ""),
        ([], True, ""),
    ],
)
def test_paths_are_written_short(runs: list[Run], closed: bool, written: str) -> None:
    assert path_data(runs, closed=closed) == written


def test_rounding_does_not_add_up_along_a_path() -> None:
    # Each step of 0.04 alone would round to nothing.
    run = [(number * 0.04, number * 0.26) for number in range(1001)]

    ((*_, (x, y)),) = points(path_data([run]))

    assert (round(x, 6), round(y, 6)) == (40, 260)


def test_a_thinned_path_is_nowhere_far_from_its_points() -> None:
    run = [
        (number / 10, 50 + 40 * math.sin(number / 300) + (number == 2000) * 5)
        for number in range(5000)
    ]

    (remaining,) = points(path_data([run], thin=True))

    assert len(remaining) < 150
    legs = list(pairwise(remaining))
    # Points are rounded to a tenth of a pixel, which is off by 0.07 at most.
    assert max(min(distance(point, *leg) for leg in legs) for point in run[::8]) < 0.2


def test_a_thinned_path_that_ends_where_it_began_is_still_a_way() -> None:
    run = [(0.0, 0.0), (5.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 0.0)]

    assert points(path_data([run], thin=True)) == [[(0, 0), (10, 0), (10, 10), (0, 0)]]


def distance(
    point: tuple[float, float], first: tuple[float, float], other: tuple[float, float]
) -> float:
    """From a point to a line from one place to another."""
    (x, y), (x0, y0), (x1, y1) = point, first, other
    length = math.dist(first, other) ** 2
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length if length else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.dist(point, (x0 + along * (x1 - x0), y0 + along * (y1 - y0)))
