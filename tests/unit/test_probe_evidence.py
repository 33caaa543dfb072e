"""Intervals by frames and by clips."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.scoring.probe_evidence import ProbeEvidence


def evidence(clip: list[int]) -> ProbeEvidence:
    return ProbeEvidence(frames=len(clip), confidence=0.95, clip=np.array(clip))


def test_frames_of_one_clip_widen_the_interval() -> None:
    """Ten frames that fire are ten events, or one clip of two that fires. The share of the clips
    that fire is then that of 1 of 2: sqrt(0.95) and 1 - sqrt(0.95)."""
    on_frame = np.array([1] * 10 + [0] * 10)

    frames = ProbeEvidence(frames=20, confidence=0.95)
    clips = evidence([0] * 10 + [1] * 10)

    assert frames.of_boxes(on_frame).high == pytest.approx(16.962, abs=5e-4)
    assert clips.of_boxes(on_frame).high == pytest.approx(20 * np.sqrt(0.95))
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


def test_the_unseen_clip_is_as_bad_as_the_worst_frame() -> None:
    """59 quiet clips of 4 frames and one with 3 boxes on a frame: for a rate of r boxes a frame
    at most the terms 3·4 - (x - 4r)... leave 5 %; drawn with two million sets of weights."""
    on_frame = np.zeros(240, dtype=np.int64)
    on_frame[5] = 3
    high = evidence([row // 4 for row in range(240)]).of_boxes(on_frame).high

    random = np.random.default_rng(5)
    above = 0
    for _ in range(20):
        weights = random.exponential(size=(100_000, 61))
        rate = (3 * weights[:, 0] + 12 * weights[:, 60]) / (4 * weights.sum(axis=1))
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
