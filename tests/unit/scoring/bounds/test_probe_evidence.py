"""Intervals by frames and by clips."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence


def evidence(clip: list[int]) -> ProbeEvidence:
    return ProbeEvidence(frames=len(clip), confidence=0.95, clip=np.array(clip))


def test_frames_of_one_clip_widen_the_interval() -> None:
    """Ten frames that fire are ten events, or one clip of two that fires: of frames the bounds are
    those of 1 of 2, sqrt(0.95) and 1 - sqrt(0.95), and of boxes the upper one is that of one event
    that weighs 10."""
    on_frame = np.array([1] * 10 + [0] * 10)

    frames = ProbeEvidence(frames=20, confidence=0.95)
    clips = evidence([0] * 10 + [1] * 10)

    assert frames.of_boxes(on_frame).high == pytest.approx(16.962, abs=5e-4)
    assert clips.of_boxes(on_frame).high == pytest.approx(47.439, abs=5e-4)
    assert clips.of_boxes(on_frame).low == pytest.approx(20 * (1 - np.sqrt(0.95)))
    assert clips.of_frames(on_frame).high == pytest.approx(20 * np.sqrt(0.95))
    assert clips.of_boxes(on_frame).method == "exact over 2 clips, one more unlike them"
    assert (frames.clips, clips.clips) == (0, 2)


@pytest.mark.parametrize("boxes", [0, 1, 7, 30])
def test_clips_of_one_frame_are_independent_frames(boxes: int) -> None:
    on_frame = np.array([1] * boxes + [0] * (30 - boxes))
    clips, frames = evidence(list(range(30))), ProbeEvidence(frames=30, confidence=0.95)

    assert clips.of_boxes(on_frame) == frames.of_boxes(on_frame)
    assert clips.of_frames(on_frame) == frames.of_frames(on_frame)
    upper = clips.of_boxes(on_frame).high
    assert upper == pytest.approx(stats.chi2.ppf(0.95, 2 * boxes + 2) / 2)


def test_the_unseen_clip_is_worse_than_the_worst_frame() -> None:
    """59 quiet clips of 4 frames and one with 3 boxes on a frame, so the made-up clip has 4 on each
    of its 4; drawn with two million sets of weights."""
    on_frame = np.zeros(240, dtype=np.int64)
    on_frame[5] = 3
    high = evidence([row // 4 for row in range(240)]).of_boxes(on_frame).high

    random = np.random.default_rng(5)
    above = 0
    for _ in range(20):
        weights = random.exponential(size=(100_000, 61))
        rate = (3 * weights[:, 0] + 16 * weights[:, 60]) / (4 * weights.sum(axis=1))
        above += int(np.count_nonzero(240 * rate > high))
    assert above / 2_000_000 == pytest.approx(0.05, abs=0.0008)


def test_clip_bounds_never_beat_those_of_frames() -> None:
    """One box on each of 40 frames: clips do not differ at all."""
    on_frame = np.ones(40, dtype=np.int64)
    clips = evidence([row // 4 for row in range(40)])
    frames = ProbeEvidence(frames=40, confidence=0.95)

    assert clips.of_boxes(on_frame).high >= frames.of_boxes(on_frame).high
    assert clips.of_boxes(on_frame).low <= frames.of_boxes(on_frame).low
    assert clips.of_frames(on_frame).high == 40


def test_several_boxes_on_one_frame_are_one_event() -> None:
    """Five boxes on one of 30 independent frames weigh as one event of 5: 5 · 4.7439, and not as
    five events: 10.513. On five frames they are five events."""
    together, apart = np.array([5] + [0] * 29), np.array([1] * 5 + [0] * 25)
    frames = ProbeEvidence(frames=30, confidence=0.95)

    assert frames.of_boxes(together).high == pytest.approx(5 * 4.7439, abs=5e-4)
    assert frames.of_boxes(apart).high == pytest.approx(10.513, abs=5e-4)


def test_a_rare_clip_full_of_boxes_is_allowed_for() -> None:
    """Boxes of a clip are Poisson with a gamma rate of mean 0.5 and variance 2, so that most clips
    are quiet. Of 400 probes of 8 clips 95% are 380, less three standard deviations."""
    random = np.random.default_rng(8)
    holds = 0
    for _ in range(400):
        clip = np.repeat(np.arange(8), random.integers(5, 40, 8))
        rate = random.gamma(0.125, 4.0, 8)
        high = evidence(clip.tolist()).of_boxes(random.poisson(rate[clip])).high
        holds += high >= 0.5 * len(clip)

    assert holds >= 380 - 3 * 4.4


def test_a_limit_is_proven_where_the_upper_bound_is_within_it() -> None:
    """On probes of all kinds, by clips and by frames, near the bound and far from it."""
    random = np.random.default_rng(3)
    for _ in range(60):
        clip = np.repeat(np.arange(n := random.integers(1, 9)), random.integers(1, 12, n))
        on_frame = random.poisson(random.choice([0.0, 0.1, 3.0], n)[clip])
        proof = ProbeEvidence(
            frames=len(clip),
            confidence=random.choice([0.5, 0.95, 0.999]),
            clip=clip if random.random() < 0.7 else None,
            copies=random.choice([1.0, 1.37, 40.0]),
        )
        boxes, frames = proof.of_boxes(on_frame).high, proof.of_frames(on_frame).high
        for factor in (0.0, 0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 1.5):
            assert proof.boxes_at_most(factor * boxes, on_frame) == (factor * boxes >= boxes)
            assert proof.frames_at_most(factor * frames, on_frame) == (factor * frames >= frames)
