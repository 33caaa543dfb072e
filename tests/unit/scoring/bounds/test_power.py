"""The chance to pass: exact where clips are coins, and drawn sets judged as the rules judge."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pytest_detgate.scoring.bounds.clip_law import ClipLaw, correlation_of
from pytest_detgate.scoring.bounds.exact_limits import Seen
from pytest_detgate.scoring.bounds.power import (
    MOST_CLIPS,
    LimitTest,
    chance_to_pass,
    clips_to_pass,
    fewest,
)
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.unseen_clip import approximate_chances, lower_ratio

COINS = ClipLaw(np.array([20]), 1.0)
UNEQUAL = np.array([5, 8, 9, 14, 20, 33, 41])
SHARE = LimitTest("share", 0.05, 0.95, True)


@pytest.mark.parametrize(("share", "clips"), [(0.025, 361), (0.01, 124), (0.005, 93)])
def test_clips_that_are_coins_are_planned_exactly(share: float, clips: int) -> None:
    """Against a search over every number of clips, with SciPy's distributions."""
    allowed = [
        max((k for k in range(n) if stats.beta.ppf(0.95, k + 1, n - k) <= 0.05), default=-1)
        for n in range(1, clips + 1)
    ]
    powers = [float(stats.binom.cdf(k, n, share)) for n, k in enumerate(allowed, 1)]

    assert [power >= 0.8 for power in powers].index(True) + 1 == clips
    assert clips_to_pass(SHARE, COINS, share, 0.8) == clips
    assert chance_to_pass(SHARE, COINS, share, clips) == pytest.approx(powers[-1])


def test_too_few_clips_never_pass() -> None:
    assert chance_to_pass(SHARE, COINS, 0.001, 58) == 0
    assert chance_to_pass(SHARE, COINS, 0.01, 59) == pytest.approx(0.99**59)


def test_a_value_alone_passes_by_luck() -> None:
    """Ten clips, of which one in five fails, and 10% may: at most one does."""
    by_value = LimitTest("share", 0.1, 0.95, by_bound=False)

    assert chance_to_pass(by_value, COINS, 0.2, 10) == pytest.approx(stats.binom.cdf(1, 10, 0.2))


def test_drawn_sets_pass_as_often_as_arithmetic_says() -> None:
    """Ten clips of three frames, each frame by itself: 3 bad ones of 30 are within 10%."""
    by_value = LimitTest("share", 0.1, 0.95, by_bound=False)
    exact = stats.binom.cdf(3, 30, 0.2)

    drawn = chance_to_pass(by_value, ClipLaw(np.array([3]), 0.0), 0.2, 10, sets=4000)

    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


def test_the_clips_of_drawn_sets_are_enough() -> None:
    """Binomial, as above: with a share of 5% against a limit of 8%, to 90%."""
    by_value = LimitTest("share", 0.08, 0.95, by_bound=False)

    clips = clips_to_pass(by_value, ClipLaw(np.array([3]), 0.0), 0.05, 0.9)

    assert clips is not None
    assert stats.binom.cdf(int(0.08 * 3 * clips), 3 * clips, 0.05) > 0.85
    assert stats.binom.cdf(int(0.08 * 3 * clips / 2), 3 * clips // 2, 0.05) < 0.9


@pytest.mark.parametrize("least", [1, 8, 37])
def test_the_fewest_that_are_enough(least: int) -> None:
    assert fewest(lambda number: number >= least) == least
    assert fewest(lambda number: number > 2 * MOST_CLIPS) is None


def test_no_number_of_clips_passes_a_model_at_its_limit() -> None:
    assert clips_to_pass(SHARE, COINS, 0.05, 0.8) is None


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_sets_are_judged_as_the_rules_judge(correlation: float) -> None:
    """With the intervals of a recall and of frames of a probe."""
    random = np.random.default_rng(5)
    part, whole = ClipLaw(UNEQUAL, correlation).draw(random, 0.1, 40, 30)
    test = LimitTest("share", 0.2, 0.95, True)
    passed = test.passes(part, whole).tolist()

    as_recall = [
        Seen((n - x).astype(float), n.astype(float), float(n.sum())).low(0.95) >= 0.8 - 1e-9
        for x, n in zip(part, whole, strict=True)
    ]
    as_frames = [
        _proof(n).of_frames(_fired(x, n)).high <= 0.2 * n.sum() + 1e-9
        for x, n in zip(part, whole, strict=True)
    ]
    assert passed == as_recall == as_frames
    assert 0 < sum(passed) < 40


def test_boxes_are_judged_as_the_rules_judge() -> None:
    random = np.random.default_rng(6)
    part, whole = ClipLaw(UNEQUAL, 0.3).draw(random, 0.05, 40, 30)
    passed = LimitTest("boxes", 0.24, 0.95, True).passes(part, whole).tolist()

    assert passed == [
        _proof(n).of_boxes(_fired(x, n)).high <= 0.24 * n.sum() + 1e-9
        for x, n in zip(part, whole, strict=True)
    ]
    assert 0 < sum(passed) < 40


def _proof(frames: NDArray[np.int64]) -> ProbeEvidence:
    clip = np.repeat(np.arange(len(frames)), frames)
    return ProbeEvidence(frames=int(frames.sum()), confidence=0.95, clip=clip)


def _fired(part: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.int64]:
    fired = [np.arange(count) < some for count, some in zip(frames, part, strict=True)]
    fired_frames: NDArray[np.int64] = np.concatenate(fired).astype(np.int64)
    return fired_frames


@pytest.mark.parametrize("clips", [6, 30, 150])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_approximate_chances_are_near_the_exact_ones(clips: int, correlation: float) -> None:
    """To 10% around the error; the power relies on no more than 20%."""
    random = np.random.default_rng(7)
    part, whole = ClipLaw(UNEQUAL, correlation).draw(random, 0.1, 60, clips)
    good, frames = (whole - part).astype(float), whole.astype(float)
    confidence = np.linspace(0.8, 0.99, 60)
    sets = list(zip(good, frames, confidence, strict=True))
    ratios = np.array([lower_ratio(x, n, sure) for x, n, sure in sets])
    near = approximate_chances(good, frames, ratios)
    exact = 1 - confidence

    np.testing.assert_allclose(near, exact, rtol=0.1)
    assert ((near < 0.05 / 1.2) <= (exact < 0.05)).all()
    assert ((near > 0.05 * 1.2) <= (exact > 0.05)).all()


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8, 1.0])
def test_correlation_is_found_again(correlation: float) -> None:
    law = ClipLaw(UNEQUAL, correlation)
    part, whole = law.draw(np.random.default_rng(8), 0.3, 1, 4000)

    assert correlation_of(part[0], whole[0]) == pytest.approx(correlation, abs=0.03)


def test_correlation_that_cannot_be_told() -> None:
    two = np.array([2, 2])

    assert correlation_of(np.array([0, 0]), two) is None
    assert correlation_of(two, two) is None
    assert correlation_of(np.array([0, 1]), np.array([1, 1])) is None
    assert correlation_of(np.array([0, 2]), two) == 1


@pytest.mark.parametrize("off", [0.0, 1e-12, -1e-12, 1e-7, 1e-4, -1e-4, 1e-3])
def test_approximate_chances_where_the_mean_is_at_the_ratio(off: float) -> None:
    """1, 1.5, 1, 1 and 1.5 more than half of each clip is found, 6 less of the made-up one. The
    weighted sum is below 0 with the chance 1 / ((1 + 1/6)³ (1 + 1/4)²)."""
    good = np.array([[9.0, 7.0, 5.0, 10.0, 5.0]])
    frames = np.array([[16.0, 11.0, 8.0, 18.0, 7.0]])

    near = approximate_chances(good, frames, np.array([0.5 + off]))[0]

    assert near == pytest.approx((6 / 7) ** 3 * 0.8**2, abs=0.01)


def test_approximate_chances_of_clips_like_the_made_up_one() -> None:
    """Half of each clip is found and half of none: at a quarter of one clip it is even."""
    near = approximate_chances(np.array([[2.0]]), np.array([[4.0]]), np.array([0.25]))

    assert near[0] == pytest.approx(0.5, abs=1e-9)
