"""Learn then Test: p-values against SciPy, and losses by clip counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.scoring.bounds.certified import (
    failures_p_values,
    false_frame_losses,
    missed_losses,
    shares_p_values,
    steps_certified,
)
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve

# Clip 0 has three frames, clip 1 has one, clip 2 has two.
UNITS = Units("clip", np.array([0, 0, 0, 1, 2, 2]), 3)


@pytest.mark.parametrize("clips", [5, 59, 300])
def test_no_loss_has_the_p_value_of_clean_clips(clips: int) -> None:
    expected = 0.95**clips

    assert shares_p_values(np.zeros(1), 0.05, clips)[0] == pytest.approx(expected)
    assert failures_p_values(np.zeros(1, np.int64), 0.05, clips)[0] == pytest.approx(expected)


def test_the_smaller_of_both_p_values() -> None:
    """Of 100 clips with a mean loss of 0.021, by the formulas of the paper."""
    divergence = 0.021 * math.log(0.021 / 0.05) + 0.979 * math.log(0.979 / 0.95)
    hoeffding = math.exp(-100 * divergence)
    bentkus = math.e * stats.binom.cdf(3, 100, 0.05)

    assert shares_p_values(np.array([0.021]), 0.05, 100)[0] == pytest.approx(
        min(hoeffding, bentkus)
    )


@pytest.mark.parametrize("loss", [0.05, 0.2, 1.0])
def test_a_loss_over_the_limit_is_never_rejected(loss: float) -> None:
    assert shares_p_values(np.array([loss]), 0.05, 1000)[0] == 1


def test_limits_that_nothing_or_all_break() -> None:
    assert shares_p_values(np.array([0.5]), 1.0, 10)[0] == 0
    assert shares_p_values(np.array([0.0]), 0.0, 10)[0] == 1
    assert failures_p_values(np.array([10]), 1.0, 10)[0] == 0
    assert failures_p_values(np.array([0]), 0.0, 10)[0] == 1


def test_the_walk_ends_at_the_first_that_is_not_rejected() -> None:
    values = np.array([0.01, 0.02, 0.3, 0.01])

    assert steps_certified(values, 0.05) == 1
    assert steps_certified(values[:2], 0.05) == 1
    assert steps_certified(values[2:], 0.05) is None


def test_share_of_the_frames_of_a_clip() -> None:
    """A second box of a frame changes nothing; clip 1 is lost by its only frame."""
    image = np.array([0, 0, 3, 4])
    curve = FalseBoxCurve(
        np.array([0.9, 0.8, 0.7, 0.6]), image, np.array([1, 1, 2, 3]), np.array([1, 1, 2, 3])
    )

    assert false_frame_losses(curve, UNITS) == pytest.approx(
        [0, 1 / 9, 1 / 9, 4 / 9, 4 / 9 + 1 / 6]
    )


def test_share_of_the_boxes_of_a_clip() -> None:
    """Clip 0 has four boxes, clip 2 one, clip 1 none: it is not counted."""
    losses, clips = missed_losses(np.array([4, 0]), np.array([0, 0, 1, 2, 4]), UNITS)

    assert clips == 2
    assert losses == pytest.approx([1, 1 / 2, 3 / 8])


@pytest.mark.parametrize("law", ["alike", "mixed"])
def test_an_unacceptable_risk_is_seldom_rejected(law: str) -> None:
    """The mean loss is the limit itself: rejected in at most 5% of 4,000 sets of 40 clips."""
    random = np.random.default_rng(3)
    if law == "alike":
        losses = (random.random((4000, 40)) < 0.1).astype(float)
    else:
        losses = random.beta(0.2, 1.8, (4000, 40))
    rejected = np.mean(shares_p_values(losses.mean(axis=1), 0.1, 40) <= 0.05)

    assert rejected <= 0.05
