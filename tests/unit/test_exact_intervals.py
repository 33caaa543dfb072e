"""Exact intervals against the tails that define them, published tables and simulated truth."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scipy import stats

from pytest_detgate.scoring.bounds.exact_intervals import (
    binomial_interval,
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


def test_importing_the_intervals_does_not_import_scipy() -> None:
    module = "pytest_detgate.scoring.bounds.exact_intervals"
    check = f"import sys, {module}; sys.exit('scipy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_each_interval_names_its_method() -> None:
    assert poisson_interval(3, 0.95).method == "exact Poisson"
    assert binomial_interval(1, 2, 0.95).method == "exact binomial"
