"""Ends and ticks of axes."""

from __future__ import annotations

import pytest

from pytest_detgate.report.charts import ticks as scales


@pytest.mark.parametrize(
    ("ends", "count", "whole", "positions"),
    [
        ((0, 1), 5, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ((0, 1), 4, False, [0, 0.25, 0.5, 0.75, 1]),
        ((0, 50), 5, False, [0, 10, 20, 30, 40, 50]),
        ((3, 97), 4, False, [25, 50, 75]),
        ((-1, 1), 4, False, [-1, -0.5, 0, 0.5, 1]),
        ((1, 3), 8, True, [1, 2, 3]),
        ((0, 20), 8, True, [0, 5, 10, 15, 20]),
        ((0, 3e-5), 3, False, [0, 1e-5, 2e-5, 3e-5]),
        ((4, 4), 5, False, [4]),
    ],
)
def test_ticks_are_round(
    ends: tuple[float, float], count: int, whole: bool, positions: list[float]
) -> None:
    assert scales.ticks(*ends, count, whole=whole) == pytest.approx(positions)


@pytest.mark.parametrize(
    ("values", "span", "zero", "ends"),
    [
        ([2, 10], None, False, (0, 11)),
        ([8, 10], None, False, (7.8, 10.2)),
        ([8, 10], None, True, (0, 11)),
        ([-10, -8], None, True, (-11, 0)),
        ([-10, 10], None, True, (-12, 12)),
        ([0.2, None, 0.4], (0, 1), False, (0, 1)),
        ([0.2, 1.5], (0, 1), False, (0, 1.5)),
        ([5], None, False, (4.5, 5.5)),
        ([-5, -5], None, False, (-5.5, -4.5)),
        ([0, 0], None, False, (0, 1)),
        ([], None, False, (0, 1)),
        ([float("nan"), 1e300], None, False, (0, 1)),
    ],
)
def test_ends_of_an_axis(
    values: list[float | None],
    span: tuple[float, float] | None,
    zero: bool,
    ends: tuple[float, float],
) -> None:
    assert scales.bounds(values, span, room=0.1, zero=zero) == pytest.approx(ends)


def test_decades_are_thinned() -> None:
    assert scales.decades(0.5, 2000, 4) == [1, 10, 100, 1000]
    assert scales.decades(1e-6, 1, 4) == pytest.approx([1e-6, 1e-4, 1e-2, 1])


@pytest.mark.parametrize(
    ("value", "floor"), [(1, 0.1), (2, 1), (15, 1), (20, 10), (0.0003, 0.0001)]
)
def test_a_logarithmic_axis_begins_well_below_its_least_value(value: float, floor: float) -> None:
    assert scales.decade_below(value) == pytest.approx(floor)


@pytest.mark.parametrize(
    ("positions", "texts"),
    [
        ([0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([0, 500, 1000], ["0", "500", "1,000"]),
        ([-0.5, 0.0], ["\u22120.5", "0"]),
        ([0, 2e6, 4e6], ["0", "2\u202fm", "4\u202fm"]),
        ([0, 5e-5, 1e-4], ["0", "0.00005", "0.00010"]),
        ([0, 1e-7], ["0", "1e-07"]),
        ([], []),
    ],
)
def test_ticks_are_said_alike(positions: list[float], texts: list[str]) -> None:
    assert scales.tick_words(positions) == texts


def test_places_without_a_common_step_have_three_digits() -> None:
    assert scales.tick_words([0.000123456789, 0.000111111111]) == ["0.000123", "0.000111"]


def test_shares_are_said_as_percentages() -> None:
    assert scales.share_words([0, 0.125, 0.25]) == ["0%", "12.5%", "25.0%"]
    assert scales.log_words([0.001, 1, 1000]) == ["0.001", "1", "1,000"]
