"""How much evidence shows a limit: the published figures, and SciPy's distributions."""

from __future__ import annotations

import pytest
from scipy import stats

from pytest_detgate.scoring.bounds.sample_size import (
    least_clips,
    least_exposure,
    time_with_power,
)


@pytest.mark.parametrize(
    ("alarms", "hours"), [(0, 3.00), (1, 4.74), (2, 6.30), (3, 7.75), (5, 10.5), (10, 17.0)]
)
def test_hours_for_under_one_alarm_an_hour(alarms: int, hours: float) -> None:
    result = least_exposure(1, 0.95, alarms)

    assert result == pytest.approx(hours, abs=0.05)
    assert result == pytest.approx(stats.chi2.ppf(0.95, 2 * alarms + 2) / 2)


@pytest.mark.parametrize(("share", "clips"), [(0.05, 59), (0.01, 299)])
def test_clips_without_an_alarm(share: float, clips: int) -> None:
    assert least_clips(share, 0.95) == clips
    assert (1 - share) ** clips <= 0.05 < (1 - share) ** (clips - 1)


@pytest.mark.parametrize(
    ("rate", "hours", "allowed"),
    [(0.5, 19.5, 12), (0.33, 9.2, 4), (0.2, 6.3, 2), (0.1, 4.75, 1)],
)
def test_hours_that_pass_four_of_five_good_models(rate: float, hours: float, allowed: int) -> None:
    """The figures are rounded up: with fewer hours one alarm less would be allowed."""
    design = time_with_power(1, rate, 0.95, 0.8)

    assert design is not None
    assert hours - 0.1 < design.size <= hours
    assert design.allowed == allowed
    assert design.power == pytest.approx(stats.poisson.cdf(allowed, rate * design.size))
    assert design.power >= 0.8


@pytest.mark.parametrize("rate", [1.0, 1.5, 0.9999])
def test_a_model_at_its_limit_has_no_plan(rate: float) -> None:
    assert time_with_power(1, rate, 0.95, 0.8) is None
