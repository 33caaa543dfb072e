"""Robust limits, against the normal distribution and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.scoring.robust_limits import usual_range


def test_limits_of_a_normal_distribution_are_its_deviations() -> None:
    values = stats.norm.ppf((np.arange(10_001) + 0.5) / 10_001, loc=5, scale=2)

    limits = usual_range(values, 4)

    assert limits == pytest.approx((5 - 4 * 2, 5, 5 + 4 * 2), abs=0.01)


def test_sides_have_deviations_of_their_own() -> None:
    """Quartiles 1, 2 and 4 of the values 0 to 5 that are not evenly spaced."""
    limits = usual_range(np.array([0.0, 1.0, 2.0, 4.0, 9.0]), 0.674489750196082)

    assert limits == pytest.approx((1, 2, 4))


def test_a_few_values_move_no_limit_to_where_they_are() -> None:
    usual = np.linspace(0.4, 0.6, 80)

    limits = usual_range(np.concatenate([usual, np.full(20, 1e9)]), 4)

    assert 0.6 < limits.high < 2
