"""Zeros of functions: known ones, and those that SciPy finds."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from pytest_detgate.scoring.bounds.crossing import crossing


@pytest.mark.parametrize(
    ("function", "low", "high", "zero"),
    [
        (lambda x: x * x - 2, 0.0, 2.0, math.sqrt(2)),
        (lambda x: 2 - x * x, 0.0, 2.0, math.sqrt(2)),
        (lambda x: x * x - 2, 2.0, 0.0, math.sqrt(2)),
        (math.cos, 0.0, 3.0, math.pi / 2),
        (lambda x: x**9, -1.0, 1.5, 0.0),
        (lambda x: x - 3, 3.0, 8.0, 3.0),
        (lambda x: x - 8, 3.0, 8.0, 8.0),
        (lambda x: math.log(x) - 3, 1.0, 1e308, math.exp(3)),
        (lambda x: x - 1e-290, -1.0, 1.0, 1e-290),
        (lambda x: -1.0 if x < 0.3 else 1.0, 0.0, 1.0, 0.3),
        (lambda x: 1e308 * (x - 0.25), -1.0, 1.0, 0.25),
        (lambda x: math.inf if x > 0.7 else -1e-9, 0.0, 1.0, 0.7),
    ],
)
def test_known_zeros(
    function: Callable[[float], float], low: float, high: float, zero: float
) -> None:
    calls = []

    def counted(point: float) -> float:
        assert min(low, high) <= point <= max(low, high)
        calls.append(point)
        return function(point)

    assert crossing(counted, low, high) == pytest.approx(zero, rel=1e-14, abs=1e-33)
    assert len(calls) < 1300


def test_zeros_are_those_of_scipy() -> None:
    """Sums of poles, as the saddle point is where one crosses zero: most calls are few."""
    random, calls = np.random.default_rng(3), 0
    for _ in range(300):
        terms = random.standard_cauchy(random.integers(2, 30))
        terms = np.append(terms, [-random.exponential(), random.exponential()])

        def slope(point: float, terms: NDArray[np.float64] = terms) -> float:
            nonlocal calls
            calls += 1
            return float((terms / (1 - point * terms)).sum())

        low, high = (1 - 1e-12) / terms.min(), (1 - 1e-12) / terms.max()
        mine, used = crossing(slope, low, high), calls
        theirs = brentq(slope, low, high, xtol=1e-300, rtol=2**-50)
        assert mine == pytest.approx(theirs, rel=1e-13, abs=1e-13 * (high - low))
        calls = used
    assert calls / 300 < 25


def test_tolerance_saves_calls_and_holds() -> None:
    calls: list[float] = []

    def function(point: float) -> float:
        calls.append(point)
        return math.exp(point) - 2

    rough = crossing(function, 0.0, 5.0, 1e-3)
    few = len(calls)
    exact = crossing(function, 0.0, 5.0)

    assert rough == pytest.approx(math.log(2), abs=1e-3)
    assert exact == pytest.approx(math.log(2), rel=1e-15)
    assert few < len(calls) - few


@pytest.mark.parametrize(
    "function", [lambda x: x + 3, lambda x: -x - 3, lambda _: math.nan, lambda x: x or math.nan]
)
def test_no_zero_is_refused(function: Callable[[float], float]) -> None:
    with pytest.raises(ValueError, match=r"have the same sign|is no number"):
        crossing(function, -1.0 if function(-1.0) < 0 and function(1.0) > 0 else 0.5, 1.0)


def test_bounds_import_no_optimizer() -> None:
    """It takes longer than all that a run computes."""
    code = """
import sys
import numpy as np
from pytest_detgate.scoring.bounds import unseen_clip, watched
part, whole = np.array([3.0, 1.0, 2.0]), np.array([4.0, 4.0, 2.0])
assert 0 < unseen_clip.lower_ratio(part, whole, 0.95) < 0.6
assert unseen_clip.bounds_of_draws(part, (0.0, 4.0), 3.0, 0.9)[0] < 1.0
assert watched.watched_rate(3, 10.0, 1.0, 0.9)[0] < 0.3
print([name for name in sys.modules if name.startswith("scipy.optimize")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
