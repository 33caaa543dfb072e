"""No bound is better than the exact one of the boxes, or on the wrong side of its value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_limits import seen


def points(value: float, confidence: float = 0.95) -> Interval:
    """What a bootstrap says where every draw is alike."""
    return Interval(low=value, high=value, confidence=confidence, method="bootstrap")


def exact(hits: int, boxes: int, confidence: float = 0.95) -> tuple[float, float]:
    """Both bounds of Clopper and Pearson by SciPy's own tests."""
    ends = [
        stats.binomtest(hits, boxes, alternative=side).proportion_ci(confidence, method="exact")
        for side in ("greater", "less")
    ]
    return float(ends[0].low), float(ends[1].high)


@pytest.mark.parametrize(("hits", "boxes"), [(1, 5), (4, 5), (9, 10), (55, 60), (60, 60)])
def test_bounds_of_boxes_that_are_independent(hits: int, boxes: int) -> None:
    column = np.array([1.0] * hits + [0.0] * (boxes - hits))
    behind = seen(column, np.zeros(boxes, dtype=np.int64), np.arange(boxes))

    interval = behind.limit(points(hits / boxes), hits / boxes)
    assert (interval.low, interval.high) == pytest.approx(exact(hits, boxes))
    assert interval.method == "bootstrap"


def test_units_are_those_with_ground_truth() -> None:
    behind = seen(np.ones(6), np.zeros(6, dtype=np.int64), np.array([0, 0, 4, 4, 9, 9]))

    assert (behind.units, behind.boxes, behind.share) == pytest.approx((3, 6, 1))


def test_classes_weigh_alike_with_one_box_or_a_hundred() -> None:
    """Weights 1/200 for each of 100 boxes, 1/2 for one: in effect 1/(100/200² + 1/4) boxes."""
    behind = seen(np.ones(101), np.array([0] * 100 + [1]), np.arange(101))

    assert behind.boxes == pytest.approx(1 / (100 / 200**2 + 1 / 4))
    assert behind.limit(points(1.0), 1.0).low == pytest.approx(0.05 ** (1 / behind.boxes))


def test_a_class_missed_whole_halves_the_share() -> None:
    behind = seen(np.array([1.0] * 6 + [0.0] * 2), np.array([0] * 6 + [1] * 2), np.arange(8))

    assert behind.share == pytest.approx(0.5)


def test_a_bound_is_never_on_the_wrong_side_of_its_value() -> None:
    """One draw may put the bound above the value."""
    one_draw = Interval(low=0.9, high=0.9, confidence=0.95, method="bootstrap")
    behind = seen(np.array([1.0] * 700 + [0.0] * 300), np.zeros(1000, int), np.arange(1000))

    limited = behind.limit(one_draw, 0.7)
    assert limited.low <= 0.7 <= limited.high
    low_draw = Interval(low=0.2, high=0.3, confidence=0.95, method="bootstrap")
    assert behind.limit(low_draw, 0.7).high >= 0.7


def test_a_wider_bootstrap_stays() -> None:
    wide = Interval(low=0.1, high=0.99, confidence=0.95, method="bootstrap")
    behind = seen(np.array([1.0] * 70 + [0.0] * 30), np.zeros(100, int), np.arange(100))

    limited = behind.limit(wide, 0.7)
    assert (limited.low, limited.high) == (0.1, 0.99)
