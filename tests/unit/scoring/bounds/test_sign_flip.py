"""The sign-flip test, with p-values counted by hand and simulated levels."""

from __future__ import annotations

import itertools

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


def test_ties_go_by_the_losses_of_all_totals() -> None:
    """The first class lost on 4 of 6 clips, which 4 of 64 flips show. The second lost on the other
    two, so one flip alone has both: 1/64. Without those losses nothing tells the 4 apart, and if
    the second class gained on both, they all come before the flip that was seen."""
    first, second = [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]
    lost, gained = np.array([first, second], float), np.array([first, [-entry for entry in second]])

    assert p_values_of_losses(lost, 1000, 0)[0] == 1 / 64
    assert p_values_of_losses(lost[:1], 1000, 0)[0] == 1 / 16
    assert p_values_of_losses(gained.astype(float), 1000, 0)[0] == 4 / 64


@pytest.mark.parametrize(("clips", "level"), [(5, 1 / 32), (6, 3 / 64), (7, 6 / 128)])
def test_equal_models_fail_in_the_flips_under_5_percent(clips: int, level: float) -> None:
    """Each flip of the losses of a class and of another is as likely as any other: those that have
    a p-value under 5% are the level of the test, whole numbers of 2^G flips."""
    random = np.random.default_rng(clips)
    # No two flips have the same sums.
    net = random.normal(size=(2, clips))
    signs = np.array(list(itertools.product([1, -1], repeat=clips)))
    values = [p_values_of_losses(net * row, 1000, 0).min() for row in signs]

    assert np.mean(np.array(values) < 0.05) == level


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
