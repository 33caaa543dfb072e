"""Intervals of shares and of drawn figures, by method."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import IntervalMethod
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units, image_units


def by_clips(clips: int, draws: int = 100, method: IntervalMethod = "auto") -> Intervals:
    units = clip_units([str(number) for number in range(clips)])
    return Intervals(Resampling(units, draws, 3), 0.95, method)


def test_all_of_five_clips() -> None:
    interval = by_clips(5).of_share(np.full(5, 4), np.full(5, 4), lambda _: np.ones(100))

    assert (interval.low, interval.high) == pytest.approx((0.5493, 1.0), abs=5e-5)
    assert (interval.confidence, interval.method) == (
        0.95,
        "exact over 5 clips, one more unlike them",
    )


def test_none_of_five_clips_mirrors_all() -> None:
    interval = by_clips(5).of_share(np.zeros(5, int), np.full(5, 4), lambda _: np.zeros(100))

    assert (interval.low, interval.high) == pytest.approx((0.0, 1 - 0.5493), abs=5e-5)


def test_clips_that_are_alike_prove_no_more_than_their_boxes() -> None:
    """Half of each of 200 clips of 2 boxes: no bound beyond that of 200 of 400 boxes."""
    exact = binomial_interval(200, 400, 0.95)

    interval = by_clips(200).of_share(np.full(200, 1), np.full(200, 2), lambda _: np.ones(100))

    assert interval.low <= exact.low
    assert interval.high >= exact.high


def test_the_percentile_method_is_the_quantiles_of_the_draws() -> None:
    """Of 0, 1 … 100 the 5% and 95% quantiles are 5 and 95."""
    numbers = np.arange(101, dtype=np.float64)[::-1]
    interval = by_clips(40, 101, "percentile").of_draws(numbers, (0.0, 100.0), 40)

    assert (interval.low, interval.high) == pytest.approx((5, 95))
    assert interval.method == "percentile bootstrap over 40 clips, 101 replicates, seed 3"


def test_the_percentile_method_draws_shares_too() -> None:
    shares = np.arange(101, dtype=np.float64) / 100
    drawn = by_clips(40, 101, "percentile").of_share(
        np.ones(40, int), np.ones(40, int), lambda _: shares
    )

    assert (drawn.low, drawn.high) == pytest.approx((0.05, 0.95))


def test_a_method_says_that_images_are_taken_to_be_independent() -> None:
    intervals = Intervals(Resampling(image_units(7), 50, 0), 0.9)
    interval = intervals.of_draws(np.ones(50), (0.0, 1.0), 7)

    assert interval.low == pytest.approx(0.1 ** (1 / 7))
    assert interval.method == (
        "bootstrap over 7 independent images, one more unlike them, 50 replicates, seed 0"
    )


def test_under_five_clips_there_is_no_interval() -> None:
    with pytest.raises(TooLittleEvidenceError, match="no bounds from 4 clips: at least 5"):
        by_clips(4).of_share(np.ones(4, int), np.ones(4, int), lambda _: np.ones(100))


def test_draws_without_ground_truth_are_left_out_if_they_are_few() -> None:
    few = np.r_[[np.nan] * 5, np.linspace(0, 1, 95)]
    many = np.r_[[np.nan] * 6, np.linspace(0, 1, 94)]

    interval = by_clips(40, method="percentile").of_draws(few, (0.0, 1.0), 40)
    assert interval.low == pytest.approx(0.05)
    with pytest.raises(TooLittleEvidenceError, match=r"in 6% of the bootstrap's draws"):
        by_clips(40).of_draws(many, (0.0, 1.0), 40)
