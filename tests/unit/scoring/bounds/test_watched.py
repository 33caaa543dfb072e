"""Bounds that hold at every moment: published figures, and a simulation of looking all the time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from pytest_detgate.scoring.bounds.event_rate import count_interval, watched_count_interval
from pytest_detgate.scoring.bounds.watched import watched_exposure, watched_rate


@pytest.mark.parametrize(("events", "hours"), [(0, 4.74), (1, 7.21)])
def test_hours_that_show_one_an_hour(events: int, hours: float) -> None:
    assert watched_exposure(1.0, 0.95, events) == pytest.approx(hours, abs=0.006)
    assert watched_exposure(1 / 24, 0.95, events) == pytest.approx(24 * hours, rel=0.001)


@pytest.mark.parametrize("events", [0, 1, 2, 5, 40])
def test_bound_is_the_limit_at_that_time(events: int) -> None:
    time = watched_exposure(0.5, 0.9, events)

    _, high = watched_rate(events, time, 2.0, 0.9)

    assert high == pytest.approx(0.5)


@pytest.mark.parametrize(("events", "time", "prior"), [(0, 3.0, 1.0), (4, 2.5, 0.2), (30, 9, 24)])
def test_ends_are_where_the_mixture_reaches_the_error(
    events: int, time: float, prior: float
) -> None:
    """The likelihood under the gamma prior, integrated, is 20 times that under either end."""

    def likelihood(rate: float) -> float:
        return float(stats.poisson.pmf(events, rate * time))

    mixture, _ = integrate.quad(
        lambda rate: likelihood(rate) * stats.gamma.pdf(rate, 1, scale=1 / prior), 0, math.inf
    )
    low, high = watched_rate(events, time, prior, 0.95)

    assert mixture / likelihood(high) == pytest.approx(20, rel=1e-6)
    assert low < events / time < high or (events == low == 0)
    if events:
        assert mixture / likelihood(low) == pytest.approx(20, rel=1e-6)


def test_looking_all_the_time_passes_in_one_of_twenty() -> None:
    """A model just at its limit, looked at after each of 400 short clips (100 h in all): the bound
    of one moment lets it pass in many cases, this one in at most 5%."""
    random, clips, hours = np.random.default_rng(5), 400, 0.25
    events = random.poisson(hours, (2000, clips)).cumsum(axis=1)
    time = hours * np.arange(1, clips + 1)
    most = int(events.max()) + 1
    once = np.array([stats.chi2.ppf(0.95, 2 * count + 2) / 2 for count in range(most)])
    watched = np.array([watched_exposure(1.0, 0.95, count) for count in range(most)])

    assert (once[events] < time).any(axis=1).mean() > 0.2
    assert (watched[events] < time).any(axis=1).mean() <= 0.05


def test_clusters_are_never_narrower_than_at_one_moment() -> None:
    counts, hours = np.array([0, 0, 9, 0]), np.ones(4)

    watched = watched_count_interval(counts, hours, 0.95, 1.0)
    once = count_interval(counts, hours, 0.95)

    assert watched.high >= once.high
    assert watched.low <= once.low
