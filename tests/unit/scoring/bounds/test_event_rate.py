"""Bounds of rates and shares of events, against SciPy and published tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from pytest_detgate.scoring.bounds.event_rate import count_interval, share_interval


def high(counts: list[int], hours: list[float], confidence: float = 0.95) -> float:
    """The upper bound an hour."""
    total = sum(hours)
    return count_interval(np.array(counts), np.array(hours), confidence).high / total


@pytest.mark.parametrize(
    ("alarms", "hours"), [(0, 3.00), (1, 4.74), (2, 6.30), (3, 7.75), (5, 10.5), (10, 17.0)]
)
def test_hours_that_show_less_than_one_alarm_an_hour(alarms: int, hours: float) -> None:
    """χ²(0.95, 2 N + 2) / 2 hours: so many are needed, rounded as the table has them."""
    exact = float(stats.chi2.ppf(0.95, 2 * alarms + 2)) / 2

    assert exact == pytest.approx(hours, rel=5e-3)
    assert high([alarms], [exact]) == pytest.approx(1.0, abs=1e-9)
    # One alarm on each of many clips is no more than chance explains.
    clips = [1] * alarms + [0] * (40 - alarms)
    assert high(clips, [exact / 40] * 40) == pytest.approx(1.0, abs=1e-9)


def weighted(number: float, made_up: float, clips: int) -> float:
    """The bound of a clip where one of several clips has alarms: that of the weighted mean of
    `number`, `made_up` and zeros, with uniform weights that sum to 1.

    P(Σ c W > x) = Σ over c > x of (c - x)^(n - 1) / Π (c - other c), for n weights.
    """
    n = clips + 1

    def above(x: float) -> float:
        tail = made_up * ((made_up - x) / made_up) ** (n - 1)
        near = number * (max(number - x, 0) / number) ** (n - 1)
        return (tail - near) / (made_up - number) - 0.05

    return float(optimize.brentq(above, 0, made_up))


def test_alarms_that_cluster_prove_less_than_as_many_alone() -> None:
    """5 alarms on one of 60 clips: the made-up clip has (1 + 24 / 60) × 5 + 1 = 8."""
    clustered = high([5] + [0] * 59, [1 / 60] * 60)

    assert clustered == pytest.approx(60 * weighted(5, 8, 60), rel=1e-6)
    assert clustered > 1.5 * high([1] * 5 + [0] * 55, [1 / 60] * 60)


def test_alarms_spread_evenly_have_about_the_exact_bound() -> None:
    """4 alarms in each of 12 hours, beside 3 × 4 + 1 of the made-up clip, which weighs at most
    1 - 0.05^(1/12). Beside 48 hours it has 7, which is less than the exact bound of 192 events
    leaves; and 8 are in the only clip, of 9 hours."""
    assert high([4] * 12, [1.0] * 12) == pytest.approx(4 + 9 * (1 - 0.05 ** (1 / 12)))
    exact = float(stats.chi2.ppf(0.95, 2 * 192 + 2)) / 2 / 48
    assert high([4] * 48, [1.0] * 48) == pytest.approx(exact)
    assert exact > 4 + 3 * (1 - 0.05 ** (1 / 48))
    assert high([8], [9.0]) == pytest.approx(float(stats.chi2.ppf(0.95, 18)) / 2 / 9)


def test_a_short_clip_does_not_make_all_clips_as_bad() -> None:
    """2 alarms in 10 seconds are 720 an hour; beside 23 clips of 10 minutes they are 2 of a
    clip, and the made-up clip has (1 + 24 / 24) × 2 + 1."""
    bound = high([2] + [0] * 23, [10 / 3600] + [1 / 6] * 23) * (10 / 3600 + 23 / 6)

    assert bound == pytest.approx(24 * weighted(2, 5, 24), rel=0.05)


def test_more_clips_like_these_have_narrower_bounds() -> None:
    """As many copies of 8 clips as make 48, against 48 of them: 3 × 2 + 1 and 1.5 × 2 + 1."""
    counts, hours = np.array([2, 0, 1, 0, 2, 0, 1, 2]), np.ones(8)
    more = count_interval(counts, hours, 0.95, 6).high
    seen = count_interval(np.tile(counts, 6), np.ones(48), 0.95).high

    assert more == pytest.approx(seen / 6, rel=1e-6)
    assert more < count_interval(counts, hours, 0.95).high


def test_a_bound_of_a_rate_is_never_narrower_than_the_exact_one() -> None:
    random = np.random.default_rng(1)
    for _ in range(60):
        clips = int(random.integers(1, 12))
        counts, hours = random.poisson(2, clips), random.uniform(0.1, 3, clips)
        interval = count_interval(counts, hours, 0.9)
        total = int(counts.sum())

        assert interval.high >= stats.chi2.ppf(0.9, 2 * total + 2) / 2 - 1e-9
        assert interval.low <= total <= interval.high


def test_the_share_of_single_events_has_exact_bounds() -> None:
    interval = share_interval(np.array([1] * 18 + [0] * 2), np.ones(20, dtype=np.int64), 0.95)

    assert interval.low == pytest.approx(stats.beta.ppf(0.05, 18, 3))
    assert interval.high == pytest.approx(stats.beta.ppf(0.95, 19, 2))
    assert interval.method == "exact binomial"


def test_events_of_few_clips_prove_less() -> None:
    """60 of 60 events on 5 clips show no more than 5 of 5 clips: 0.05^(1/5)."""
    twelve = np.full(5, 12)

    assert share_interval(twelve, twelve, 0.95).low == pytest.approx(0.05 ** (1 / 5))
    first = np.ones(60, dtype=np.int64)
    assert share_interval(first, first, 0.95).low == pytest.approx(0.05 ** (1 / 60))


def test_clips_without_events_say_nothing_of_a_share() -> None:
    result, total = np.array([1, 0, 2]), np.array([1, 0, 2])

    assert share_interval(result, total, 0.95).low == pytest.approx(
        share_interval(result[[0, 2]], total[[0, 2]], 0.95).low
    )


@pytest.mark.parametrize(("clips", "alarms"), [(24, 2), (40, 5), (80, 20)])
def test_clips_that_are_all_alike_have_the_exact_bounds(clips: int, alarms: int) -> None:
    """The bounds by clips are within those of Poisson: χ²(0.05, 2 N) / 2, χ²(0.95, 2 N + 2) / 2."""
    interval = count_interval(np.full(clips, alarms), np.ones(clips), 0.95)

    low, high = stats.chi2.ppf([0.05, 0.95], [2 * clips * alarms, 2 * clips * alarms + 2]) / 2
    assert [interval.low, interval.high] == pytest.approx([low, high])
    assert interval.method == "exact Poisson over the hours"
