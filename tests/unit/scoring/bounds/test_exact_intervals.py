"""Exact intervals against the tails that define them, published tables and simulated truth."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.scoring.bounds.exact_intervals import (
    binomial_interval,
    clustered_poisson_interval,
    poisson_interval,
)

CONFIDENCES = (0.9, 0.95, 0.99)


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (1, 4.744), (5, 10.513), (10, 16.962)])
def test_upper_poisson_bounds_of_the_published_table(count: int, bound: float) -> None:
    assert poisson_interval(count, 0.95).high == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize(("count", "bound"), [(0, 0.0), (1, 0.051), (5, 1.970), (10, 5.425)])
def test_lower_poisson_bounds_of_the_published_table(count: int, bound: float) -> None:
    assert poisson_interval(count, 0.95).low == pytest.approx(bound, abs=5e-4)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("count", [1, 2, 7, 40, 1000])
def test_poisson_bounds_solve_the_tails_that_define_them(count: int, confidence: float) -> None:
    interval = poisson_interval(count, confidence)

    assert stats.poisson.cdf(count, interval.high) == pytest.approx(1 - confidence, rel=1e-9)
    assert stats.poisson.sf(count - 1, interval.low) == pytest.approx(1 - confidence, rel=1e-9)
    assert (interval.confidence, interval.method) == (confidence, "exact Poisson")


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(("successes", "trials"), [(1, 2), (2, 6), (5, 6), (3, 40), (900, 1000)])
def test_binomial_bounds_solve_the_tails_that_define_them(
    successes: int, trials: int, confidence: float
) -> None:
    interval = binomial_interval(successes, trials, confidence)

    seldom = pytest.approx(1 - confidence, rel=1e-9)
    assert stats.binom.cdf(successes, trials, interval.high) == seldom
    assert stats.binom.sf(successes - 1, trials, interval.low) == seldom


def test_binomial_bounds_that_can_be_worked_out_by_hand() -> None:
    """None of 6: (1 - p)^6 = 0.05, so p = 1 - 0.05^(1/6) = 0.393. All of 6: its mirror image."""
    none, every = binomial_interval(0, 6, 0.95), binomial_interval(6, 6, 0.95)

    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(0.39304, abs=5e-6)
    assert every.low == pytest.approx(0.60696, abs=5e-6)


@pytest.mark.parametrize("trials", [100, 1000, 83005])
def test_rule_of_three(trials: int) -> None:
    assert binomial_interval(0, trials, 0.95).high == pytest.approx(3 / trials, rel=0.02)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("clusters", [0, 1, 5, 60])
def test_clusters_of_one_event_each_are_plain_poisson(clusters: int, confidence: float) -> None:
    counts = [1] * clusters + [0] * 7

    clustered = clustered_poisson_interval(counts, 1, confidence)

    plain = poisson_interval(clusters, confidence)
    assert clustered.low == pytest.approx(plain.low, rel=1e-12)
    assert clustered.high == pytest.approx(plain.high, rel=1e-12)


def test_clusters_of_equal_size_count_as_one_event_each() -> None:
    """Three clips that fire on all their 20 frames are 3 events that weigh 20, not 60 events."""
    clustered, three = clustered_poisson_interval([20, 0, 20, 20], 20, 0.95), (0.81769, 7.75366)

    assert clustered.low == pytest.approx(20 * three[0], abs=1e-3)
    assert clustered.high == pytest.approx(20 * three[1], abs=1e-3)


def test_clustered_bounds_are_the_published_formula() -> None:
    """x = 4, 1, 2 with room for 9: y = 7, v = 21, w = 9. The low end is
    21/14 · χ²(2·49/21), the high end (21 + 81)/32 · χ²(2·256/102)."""
    clustered = clustered_poisson_interval([4, 1, 2], 9, 0.9)

    assert clustered.low == pytest.approx(21 / 14 * stats.chi2.ppf(0.1, 98 / 21), rel=1e-9)
    assert clustered.high == pytest.approx(102 / 32 * stats.chi2.ppf(0.9, 512 / 102), rel=1e-9)


def test_no_cluster_with_events_leaves_room_for_three_full_ones() -> None:
    assert clustered_poisson_interval([0, 0], 40, 0.95).high == pytest.approx(40 * 2.9957, abs=0.01)


def test_an_unexpectedly_large_cluster_widens_the_bound() -> None:
    """A frame may have several boxes, so a clip may have more boxes than frames."""
    assert clustered_poisson_interval([30, 1], 5, 0.95) == clustered_poisson_interval(
        [30, 1], 30, 0.95
    )


def test_fewer_events_never_give_a_higher_bound() -> None:
    bounds = [
        clustered_poisson_interval(counts, 50, 0.95).high
        for counts in ([], [1], [1, 1], [3, 1], [3, 3, 1], [50, 3, 1])
    ]

    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    ("rate", "sizes", "chances"),
    [
        (6.0, [1, 10], [0.5, 0.5]),
        (3.0, [1, 30], [0.9, 0.1]),
        (12.0, [2, 5, 20], [0.6, 0.3, 0.1]),
    ],
)
def test_clustered_bounds_cover_what_plain_ones_do_not(
    rate: float, sizes: list[int], chances: list[float]
) -> None:
    """Clips fire at `rate` in a probe, each with one of `sizes` boxes. Of 4,000 probes 95% are
    3,800, with a standard deviation of 14: three of them are allowed for."""
    random = np.random.default_rng(7)
    truth = rate * float(np.dot(sizes, chances))
    plain = upper = lower = 0
    for _ in range(4000):
        counts = random.choice(sizes, random.poisson(rate), p=chances)
        clustered = clustered_poisson_interval(counts, max(sizes), 0.95)
        upper += truth <= clustered.high
        lower += truth >= clustered.low
        plain += truth <= poisson_interval(int(counts.sum()), 0.95).high

    assert upper >= 3800 - 42
    assert lower >= 3800 - 42
    assert plain < 3400


def test_importing_the_intervals_does_not_import_scipy() -> None:
    module = "pytest_detgate.scoring.bounds.exact_intervals"
    check = f"import sys, {module}; sys.exit('scipy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_each_interval_names_its_method() -> None:
    assert poisson_interval(3, 0.95).method == "exact Poisson"
    assert binomial_interval(1, 2, 0.95).method == "exact binomial"
    assert clustered_poisson_interval([1, 2], 3, 0.95).method == "clustered Poisson"
