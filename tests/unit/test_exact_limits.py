"""No bound is better than the exact one of what was seen, or on the wrong side of its value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_limits import limit_of_change, seen, unseen


def points(value: float, confidence: float = 0.95) -> Interval:
    """What a bootstrap says where every draw is alike."""
    return Interval(low=value, high=value, confidence=confidence, method="bootstrap")


def exact_low(found: int, boxes: int, confidence: float = 0.95) -> float:
    """The lower Clopper-Pearson bound by SciPy's own test."""
    test = stats.binomtest(found, boxes, alternative="greater")
    return float(test.proportion_ci(confidence, method="exact").low)


def exact_high(found: int, boxes: int, confidence: float = 0.95) -> float:
    test = stats.binomtest(found, boxes, alternative="less")
    return float(test.proportion_ci(confidence, method="exact").high)


def of_one_class(found: list[float], unit: list[int], value: float | None = None) -> Interval:
    column = np.array(found, dtype=np.float64)
    share = float(column.mean())
    behind = seen(column, np.zeros(len(column), dtype=np.int64), np.array(unit))
    return behind.limit(points(share), share if value is None else value)


def test_all_of_five() -> None:
    """0.05^(1/5) = 0.5493."""
    interval = of_one_class([1.0] * 5, list(range(5)))

    assert interval.low == pytest.approx(0.5493, abs=5e-5)
    assert interval.high == 1.0
    assert interval.low == pytest.approx(exact_low(5, 5))
    assert interval.method == "bootstrap, no narrower than exact"


def test_boxes_of_a_clip_are_one_observation_where_all_are_alike() -> None:
    """20 boxes on 5 clips, of whatever sizes, all found or none: 5 observations."""
    sizes = [0] * 10 + [1] * 4 + [2] * 3 + [3] * 2 + [4]

    assert of_one_class([1.0] * 20, sizes).low == pytest.approx(0.5493, abs=5e-5)
    assert of_one_class([0.0] * 20, sizes).high == pytest.approx(1 - 0.5493, abs=5e-5)


@pytest.mark.parametrize(("found", "boxes"), [(1, 5), (4, 5), (9, 10), (5, 10), (55, 60)])
def test_one_box_a_clip_is_the_exact_bound(found: int, boxes: int) -> None:
    interval = of_one_class([1.0] * found + [0.0] * (boxes - found), list(range(boxes)))

    assert interval.low == pytest.approx(exact_low(found, boxes))
    assert interval.high == pytest.approx(exact_high(found, boxes))


def test_clips_found_or_missed_whole_count_as_one_box() -> None:
    """9 of 10 clips with 7 boxes each: as 9 of 10 boxes."""
    found = [1.0] * 63 + [0.0] * 7
    interval = of_one_class(found, [n // 7 for n in range(70)])

    assert interval.low == pytest.approx(exact_low(9, 10))
    assert interval.high == pytest.approx(exact_high(9, 10))


def test_clips_that_are_alike_add_nothing_to_their_boxes() -> None:
    """Half of each of 20 clips of 6 boxes: the clips do not differ, so it is 60 of 120 boxes."""
    interval = of_one_class([1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 20, [n // 6 for n in range(120)])

    assert interval.low == pytest.approx(exact_low(60, 120))
    assert interval.high == pytest.approx(exact_high(60, 120))


def test_one_miss_more_never_makes_the_bound_better() -> None:
    """On 5 clips of 8 boxes nothing proves more than 40 boxes that are all found."""
    unit = [n // 8 for n in range(40)]
    bounds = [of_one_class([0.0] * missed + [1.0] * (40 - missed), unit) for missed in range(41)]

    assert max(one.low for one in bounds) == bounds[0].low == pytest.approx(0.05 ** (1 / 5))


def test_classes_weigh_alike_with_one_box_or_a_hundred() -> None:
    """Weights 1/200 for each of 100 boxes, 1/2 for one: in effect 1/(100/200² + 1/4) boxes."""
    category = np.array([0] * 100 + [1])
    behind = seen(np.ones(101), category, np.arange(101))

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


def test_ten_equal_clips_do_not_prove_equal_models() -> None:
    """1 - 0.05^(1/10) = 0.2589; there AP falls from 0.6 to 0, or rises by 0.4."""
    interval = limit_of_change(points(0.0), 0.0, 0.6, 10)

    assert unseen(10, 0.95) == pytest.approx(0.2589, abs=5e-5)
    assert (interval.low, interval.high) == pytest.approx((-0.15532, 0.10355), abs=1e-5)


@pytest.mark.parametrize("units", [5, 12, 60])
@pytest.mark.parametrize("recall", [0.9, 0.98])
def test_lower_bound_is_safe_with_clips_missed_whole(units: int, recall: float) -> None:
    """Of 2,000 sets at least 95% less four standard deviations of 0.5% have a bound that holds;
    a bootstrap alone says 1 wherever all clips were found, which at 0.98 is in 90% of 5."""
    random = np.random.default_rng(3)
    holds = 0
    for _ in range(2000):
        clip = random.random(units) < recall
        size = random.integers(1, 30, units)
        found = np.repeat(clip.astype(np.float64), size)
        behind = seen(found, np.zeros(len(found), int), np.repeat(np.arange(units), size))
        # The bootstrap at its best: it sees no spread at all.
        holds += behind.limit(points(float(found.mean())), float(found.mean())).low <= recall

    assert holds >= 2000 * (0.95 - 4 * 0.005)
