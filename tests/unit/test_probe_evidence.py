"""Intervals by frames and by clips."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.probe_evidence import ProbeEvidence


def test_frames_of_one_clip_widen_the_interval() -> None:
    """Ten frames that fire are ten events, or one event where they are one clip of ten: then the
    upper bound is ten times that of a count of 1, 4.744, and the lower one ten times 0.0513."""
    on_frame = np.array([1] * 10 + [0] * 10)
    clip = np.array([0] * 10 + [1] * 10)

    frames = ProbeEvidence(frames=20, confidence=0.95)
    clips = ProbeEvidence(frames=20, confidence=0.95, clip=clip)

    assert frames.of_boxes(on_frame).high == pytest.approx(16.962, abs=5e-4)
    assert clips.of_boxes(on_frame).high == pytest.approx(47.44, abs=5e-3)
    assert clips.of_boxes(on_frame).low == pytest.approx(0.513, abs=5e-4)
    assert clips.of_frames(on_frame).high == 20
    assert (frames.clips, clips.clips) == (0, 2)
