"""Counts over each threshold, and intervals by frames and by clips."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.probe_evidence import ProbeEvidence, boxes_by_threshold


def test_thresholds_start_at_the_floor_and_include_the_operating_point() -> None:
    """A detector that keeps nothing below 0.05: 0.05, then 0.06 to 1 in steps of 0.02, and 0.25."""
    table = boxes_by_threshold(np.array([0.98, 0.25, 0.06]), np.array([7, 7, 2]), 0.05, 0.25)

    assert [row[0] for row in table.rows[:3]] == [0.05, 0.06, 0.08]
    assert len(table.rows) == 1 + 48 + 1
    assert [row for row in table.rows if row[0] in (0.05, 0.06, 0.24, 0.25, 0.96, 0.98)] == [
        [0.05, 3, 2],
        [0.06, 2, 1],
        [0.24, 2, 1],
        [0.25, 1, 1],
        [0.96, 1, 1],
        [0.98, 0, 0],
    ]


def test_counts_over_thresholds_agree_with_counting_each_anew() -> None:
    random = np.random.default_rng(11)
    score = np.sort(random.integers(0, 101, 500) / 100)[::-1]
    image = random.integers(0, 40, 500)

    table = boxes_by_threshold(score, image, 0.0, 0.305)

    for threshold, boxes, images in table.rows:
        over = [at for at in range(500) if score[at] > threshold]
        assert (boxes, images) == (len(over), len({int(image[at]) for at in over}))


def test_no_box_at_all() -> None:
    table = boxes_by_threshold(np.empty(0), np.empty(0, dtype=np.int64), 0.0, 0.3)

    assert {tuple(row[1:]) for row in table.rows} == {(0, 0)}


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
