"""Bounds with one made-up clip, against SciPy, sums worked out by hand and drawn weights."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from pytest_detgate.scoring.bounds.unseen_clip import (
    bounds_of_draws,
    chance_of_at_most,
    lower_ratio,
)


def low(part: list[float], whole: list[float], confidence: float = 0.95) -> float:
    return lower_ratio(np.array(part, float), np.array(whole, float), confidence)


@pytest.mark.parametrize(("clips", "bound"), [(1, 0.05), (5, 0.5493), (12, 0.7791), (59, 0.9505)])
def test_clips_that_are_all_perfect(clips: int, bound: float) -> None:
    """0.05^(1/G), whatever the number of boxes: 59 clips show 95%, and 5 clips 55%."""
    assert low([1.0] * clips, [1.0] * clips) == pytest.approx(bound, abs=5e-5)
    assert low([30.0] * clips, [30.0] * clips) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize("sizes", [[9.0, 1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 60.0]])
def test_perfect_clips_of_unequal_size_prove_less(sizes: list[float]) -> None:
    assert low(sizes, sizes) < 0.05 ** (1 / len(sizes))


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("hits", "clips"), [(1, 5), (4, 5), (9, 10), (55, 60), (450, 500), (1998, 2000)]
)
def test_one_box_a_clip_is_the_bound_of_clopper_and_pearson(
    hits: int, clips: int, confidence: float
) -> None:
    part = [1.0] * hits + [0.0] * (clips - hits)
    test = stats.binomtest(hits, clips, alternative="greater")
    exact = test.proportion_ci(confidence, method="exact").low

    # The distance to 1 tells the bounds of figures near 1 apart.
    assert 1 - low(part, [1.0] * clips, confidence) == pytest.approx(1 - exact, rel=5e-3)
    assert low(part, [1.0] * clips, confidence) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ([450.0, 1.0, 1.0, 3.0, 0.0], [500.0, 1.0, 2.0, 3.0, 1.0]),
        ([9.0, 20.0, 14.0, 31.0, 5.0, 7.0, 22.0], [12.0, 20.0, 16.0, 33.0, 12.0, 7.0, 25.0]),
        ([0.4, 0.1, 0.0, 0.9, 0.5], [1.0, 0.2, 0.3, 1.0, 1.0]),
    ],
)
def test_the_bound_is_the_quantile_of_figures_with_drawn_weights(
    part: list[float], whole: list[float]
) -> None:
    """Two million sets of exponential weights; the quantile of 5% is known to 0.03 points."""
    random = np.random.default_rng(1)
    shares = []
    for _ in range(20):
        weights = random.exponential(size=(100_000, len(part)))
        made_up = random.exponential(size=100_000) * np.mean(whole)
        shares.append(weights @ part / (weights @ whole + made_up))
    drawn = np.concatenate(shares)
    bound = low(part, whole)

    assert np.mean(drawn <= bound) == pytest.approx(0.05, abs=0.0008)
    chance = chance_of_at_most(np.array(part), np.array(whole), 0.5)
    assert np.mean(drawn <= 0.5) == pytest.approx(chance, abs=0.0015)


@pytest.mark.parametrize(
    ("hits", "small", "share", "large"),
    [
        (97, 100, 1.0, 1000),
        (194, 200, 1.0, 20),
        (198, 200, 0.5, 10_000),
        (297, 300, 1.0, 100),
        (291, 300, 1.0, 10_000),
        (990, 1000, 1.0, 1000),
        (1940, 2000, 1.0, 100),
    ],
)
@pytest.mark.parametrize("copies", [1.0, 2.5])
def test_one_large_clip_beside_single_images(
    hits: int, small: int, share: float, large: int, copies: float
) -> None:
    """Sums of standard exponentials are gamma, so weights are drawn for all clips that are alike:
    400,000 sets, by which the 5% quantile is known to 0.03 points."""
    part = np.array([1.0] * hits + [0.0] * (small - hits) + [share * large])
    whole = np.array([1.0] * small + [float(large)])
    random, sets = np.random.default_rng(4), 400_000
    hit = random.gamma(copies * hits, size=sets)
    missed = random.gamma(copies * (small - hits), size=sets)
    giant = large * random.gamma(copies, size=sets)
    made_up = whole.mean() * random.exponential(size=sets)
    drawn = (hit + share * giant) / (hit + missed + giant + made_up)

    bound = lower_ratio(part, whole, 0.95, copies)

    assert np.mean(drawn <= bound) == pytest.approx(0.05, abs=0.0015)
    assert bound <= part.sum() / whole.sum()


@pytest.mark.parametrize("terms", [(-3.0, 1.0, 2.2), (-90.0, 0.5, 89.0), (-0.2, 0.3, -0.09)])
@pytest.mark.parametrize("copies", [1.0, 30.0, 99.5])
def test_chance_equals_the_inversion_of_gil_pelaez(
    terms: tuple[float, float, float], copies: float
) -> None:
    """P(Q <= 0) = 1/2 - 1/pi ∫ Im φ(t) / t dt, integrated by SciPy over the logarithm of t. Clips
    of 1 box, beside the made-up one whose whole is their mean."""
    ratio = 0.6
    whole = np.array([1.0, 1.0, 1.0])
    part = np.array(terms) + ratio * whole
    each = np.append(np.array(terms), -ratio)
    counts = np.array([copies, copies, copies, 1.0])

    def height(log_t: float) -> float:
        t = math.exp(log_t)
        exponent = -(np.log(1 - 1j * t * each) @ counts)
        return float(np.exp(exponent).imag)

    edges = np.linspace(-25, 15, 161)
    pieces = [integrate.quad(height, a, b, limit=400)[0] for a, b in itertools.pairwise(edges)]
    expected = 0.5 - sum(pieces) / math.pi

    assert chance_of_at_most(part, whole, ratio, copies) == pytest.approx(expected, abs=1e-7)


def test_bound_at_hardly_any_confidence_is_at_most_the_value() -> None:
    """One clip holds nearly all boxes: its weight is under the mean in 63% of all draws."""
    part, whole = [1.0] * 19 + [900.0], [1.0] * 19 + [1000.0]

    assert low(part, whole, 0.501) <= sum(part) / sum(whole)
    assert low([0.0] * 19 + [1000.0], whole, 0.501) <= 1000 / 1019


@pytest.mark.parametrize("error", [1e-6, 1e-10, 1e-15])
def test_errors_that_are_next_to_nothing(error: float) -> None:
    assert low([4.0] * 40, [4.0] * 40, 1 - error) == pytest.approx(error ** (1 / 40), rel=0.01)


def test_nothing_found_proves_nothing() -> None:
    assert low([0.0] * 5, [3.0] * 5) == 0.0


def test_one_box_more_never_lowers_the_bound() -> None:
    whole = [8.0] * 5
    bounds = [
        low([float(min(8, max(0, count - 8 * clip))) for clip in range(5)], whole)
        for count in range(41)
    ]

    assert bounds == sorted(bounds)


def test_clips_without_any_box_do_not_count() -> None:
    assert low([1.0] * 5 + [0.0] * 3, [1.0] * 5 + [0.0] * 3) == pytest.approx(0.05**0.2)


@pytest.mark.parametrize("clips", [5, 12, 60])
@pytest.mark.parametrize("recall", [0.5, 0.9, 0.98])
def test_the_bound_holds_where_clips_are_found_or_missed_whole(clips: int, recall: float) -> None:
    """Of 2,000 sets at least 95% less four standard deviations of 0.5% have a bound that holds; a
    bootstrap alone says 1 wherever all clips were found, which at 0.98 is in 90% of 5."""
    random = np.random.default_rng(3)
    holds = 0
    for _ in range(2000):
        size = random.integers(1, 30, clips).astype(float)
        part = np.where(random.random(clips) < recall, size, 0.0)
        holds += chance_of_at_most(part, size, recall) >= 0.05 - 1e-9

    assert holds >= 2000 * (0.95 - 4 * 0.005)


def test_draws_that_are_all_alike() -> None:
    """(m / 1)^5 = 0.05; the upper end is the best there is."""
    assert bounds_of_draws(np.ones(7), (0.0, 1.0), 5, 0.95) == pytest.approx((0.05**0.2, 1.0))
    least, most = bounds_of_draws(np.full(7, 0.4), (0.0, 1.0), 5, 0.95)
    assert least == pytest.approx(0.4 * 0.05**0.2)
    assert most == pytest.approx(1 - 0.6 * 0.05**0.2)


def test_two_draws_by_hand() -> None:
    """Draws of 0.5 and 1 with 2 clips: ((m / 0.5)² + m²) / 2 = 0.05, so m = √0.02. The upper end
    is 1 where a draw is 1 in more than 5% of cases."""
    bounds = bounds_of_draws(np.array([0.5, 1.0]), (0.0, 1.0), 2, 0.95)

    assert bounds == pytest.approx((np.sqrt(0.02), 1.0))


def test_a_span_that_is_moved_moves_the_bounds() -> None:
    """Changes of 0.2 and -0.3 from 0.5 are figures of 0.7 and 0.2."""
    values = np.array([0.7, 0.2, 0.6])
    least, most = bounds_of_draws(values, (0.0, 1.0), 9, 0.9)

    assert bounds_of_draws(values - 0.5, (-0.5, 0.5), 9, 0.9) == pytest.approx(
        (least - 0.5, most - 0.5)
    )


def test_draws_beyond_the_span_widen_it() -> None:
    least, most = bounds_of_draws(np.array([-2.0, 0.5, 3.0]), (0.0, 1.0), 9, 0.9)

    assert (least, most) == pytest.approx((-2.0, 3.0))


def test_a_bound_at_hardly_any_confidence_is_the_value() -> None:
    """The made-up clip has a part of 0, and yet the figure is below 5 / 11 too seldom."""
    sums = [5.0, 0.0], [10.0, 1.0]

    assert low(*sums, 0.01) == pytest.approx(5 / 11)
    assert low(*sums, 0.5) < low(*sums, 0.1) < 5 / 11
