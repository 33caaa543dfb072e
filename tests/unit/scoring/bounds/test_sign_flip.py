"""The sign-flip test, with p-values counted by hand and simulated levels."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.bounds.sign_flip import least_p_value, p_values_of_losses


def p_of(*net: float, flips: int = 1000) -> float:
    return float(p_values_of_losses(np.array([net], dtype=float), flips, 0)[0])


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        ((1, 1, 1, 1, 1), 1 / 32),
        ((3, 1, 2, 1, 5), 1 / 32),  # only no flip reaches the sum of all
        ((1, 1, 1, 1, -1), 6 / 32),  # 3 or 5 of a sum of five signs: C(5,1) + 1
        ((1, 1, 1, -1, -1), 16 / 32),
        ((-1, -1, -1, -1, -1), 1),
        ((2, -2, 0, 0, 0), 3 / 4),  # of 4 ways, all but -2 - 2
        ((0, 0, 0, 0, 0), 1),
    ],
)
def test_all_flips_are_counted(net: tuple[float, ...], expected: float) -> None:
    assert p_of(*net) == expected


def test_a_swap_between_groups_shows() -> None:
    """Both classes change by one in each clip: in all there is nothing, in the first class the
    largest loss that can be, which one way of 2^6 has. The mirror image has it in the second."""
    net = np.array([[0] * 6, [1] * 6, [-1] * 6], dtype=float)

    assert p_values_of_losses(net, 1000, 0).tolist() == [1, 2 / 64, 1]


def test_random_flips_agree_with_all_of_them() -> None:
    net = np.array([[3, 1, -1, 2, 0, 1, -2, 1, 1, 2, -1, 1]], dtype=float)
    exact = p_values_of_losses(net, 5000, 0)[0]

    assert p_values_of_losses(net, 2000, 1)[0] == pytest.approx(exact, abs=0.03)


def test_the_least_p_value_is_that_of_all_clips() -> None:
    assert least_p_value(5) == 1 / 32


def test_equal_models_have_small_p_values_as_seldom_as_it_says() -> None:
    """500 pairs of models on 12 clips with three classes: at most 5% fall below 5%, within three
    standard errors."""
    random = np.random.default_rng(7)
    below = 0
    for _ in range(500):
        by_class = random.normal(size=(3, 12)) * random.exponential(size=12)
        net = np.vstack([by_class.sum(axis=0), by_class])
        below += p_values_of_losses(net, 400, 0).min() <= 0.05

    assert below / 500 <= 0.05 + 3 * (0.05 * 0.95 / 500) ** 0.5
