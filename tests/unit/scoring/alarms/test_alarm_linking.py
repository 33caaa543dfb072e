"""Linking of boxes over frames: by hand, and against a tracker that goes frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.scoring.alarms import linking
from pytest_detgate.scoring.alarms.linking import pairs_of, sightings_of, tracks_by_gap
from tests.unit.dataset.clips.test_timeline import by_number

Box = tuple[int, int, float, float]
"""Frame, class, x, score: a box of 10 by 10 pixels."""


def timeline(frames: int, clips: Sequence[str] = ("a",)) -> Timeline:
    return by_number([(clip, number) for clip in clips for number in range(frames)], fps=1)


def tracks(
    boxes: Sequence[Box], gap: int, *, iou: float = 0.3, threshold: float = 0.0, frames: int = 50
) -> list[list[int]]:
    """The tracks of boxes over the threshold as lists of their numbers, in order."""
    frame, category, x, score = map(np.array, zip(*boxes, strict=True))
    xywh = np.stack([x, np.zeros(len(x)), np.full(len(x), 10.0), np.full(len(x), 10.0)], axis=1)
    seen = sightings_of(timeline(frames), frame, category, xywh, score.astype(np.float64))
    ((_, track),) = tracks_by_gap(seen, pairs_of(seen, gap, iou), threshold, {gap})
    collected: dict[int, list[int]] = {}
    for row, first, over in zip(seen.row, track, seen.score > threshold, strict=True):
        if over:
            collected.setdefault(int(first), []).append(int(row))
    return sorted(collected.values())


def test_boxes_that_overlap_are_linked() -> None:
    """Steps of 5 pixels: an IoU of 1/3; a step of 6 has one of 1/4."""
    boxes = [(0, 0, 0, 0.9), (1, 0, 5, 0.9), (2, 0, 11, 0.9)]

    assert tracks(boxes, 0) == [[0, 1], [2]]
    assert tracks(boxes, 0, iou=0.25) == [[0, 1, 2]]
    assert tracks(boxes, 0, iou=0.34) == [[0], [1], [2]]


@pytest.mark.parametrize(("gap", "expected"), [(0, [[0], [1]]), (1, [[0], [1]]), (2, [[0, 1]])])
def test_a_gap_counts_the_frames_between(gap: int, expected: list[list[int]]) -> None:
    assert tracks([(0, 0, 0, 0.9), (3, 0, 0, 0.9)], gap) == expected


def test_classes_are_not_linked_with_each_other() -> None:
    assert tracks([(0, 0, 0, 0.9), (1, 1, 0, 0.9)], 3) == [[0], [1]]


def test_the_higher_iou_is_linked_first() -> None:
    """Two boxes at 0 and 4; then one at 3, nearer to the second; the first one is over."""
    assert tracks([(0, 0, 0, 0.9), (0, 0, 4, 0.5), (1, 0, 3, 0.9)], 0) == [[0], [1, 2]]


def test_each_box_continues_one_track() -> None:
    """Both boxes of the second frame are nearest to the first box at 2; one gets the other."""
    boxes = [(0, 0, 2, 0.9), (0, 0, 5, 0.9), (1, 0, 2, 0.9), (1, 0, 1, 0.9)]

    assert tracks(boxes, 0) == [[0, 2], [1, 3]]


def test_a_short_step_comes_before_a_long_one() -> None:
    """The box of frame 2 lies on that of frame 0 and half on that of frame 1, which is nearer in
    time."""
    assert tracks([(0, 0, 0, 0.9), (1, 0, 5, 0.9), (2, 0, 0, 0.9)], 1, iou=0.33) == [[0, 1, 2]]
    assert tracks([(0, 0, 0, 0.9), (1, 0, 50, 0.9), (2, 0, 0, 0.9)], 1) == [[0, 2], [1]]


def test_a_box_at_the_threshold_does_not_count() -> None:
    boxes = [(0, 0, 0, 0.9), (1, 0, 0, 0.3), (2, 0, 0, 0.9)]

    assert tracks(boxes, 0, threshold=0.3) == [[0], [2]]
    assert tracks(boxes, 0, threshold=0.29) == [[0, 1, 2]]


def test_clips_are_not_linked_with_each_other() -> None:
    """The last frame of one clip and the first of the next."""
    box = np.array([[0.0, 0, 10, 10]] * 2)
    seen = sightings_of(
        timeline(2, ("a", "b")), np.array([1, 2]), np.zeros(2, dtype=np.int64), box, np.ones(2)
    )

    assert len(pairs_of(seen, 5, 0.3).first) == 0


def test_many_boxes_on_a_frame_are_paired_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [(frame, 0, float(3 * number), 0.9) for frame in range(4) for number in range(9)]
    whole = tracks(boxes, 1)
    monkeypatch.setattr("pytest_detgate.scoring.alarms.linking._PAIRS_AT_ONCE", 7)

    assert tracks(boxes, 1) == whole
    assert len(whole) == 9


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_a_tracker_that_goes_frame_by_frame(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, gap = int(random.integers(20, 120)), int(random.integers(0, 4))
    boxes: list[Box] = [
        (
            int(random.integers(0, 25)),
            int(random.integers(0, 2)),
            float(random.integers(0, 40)),
            float(random.integers(1, 10)) / 10,
        )
        for _ in range(count)
    ]

    assert tracks(boxes, gap, threshold=0.3) == frame_by_frame(boxes, gap, threshold=0.3)


def frame_by_frame(boxes: Sequence[Box], gap: int, threshold: float) -> list[list[int]]:
    """What a program that sees one frame after the other makes of the boxes."""
    rows = [row for row, box in enumerate(boxes) if box[3] > threshold]
    following: dict[int, int] = {}
    preceding: dict[int, int] = {}
    # As the table of sightings is sorted: among equals the better score, then the row.
    order = {
        row: index for index, row in enumerate(sorted(rows, key=lambda row: _order(boxes, row)))
    }
    for frame in range(max(box[0] for box in boxes) + 1):
        for step in range(1, gap + 2):
            pairs = [
                (-_iou(boxes[row], boxes[other]), -boxes[other][3], order[row], order[other])
                for row in rows
                for other in rows
                if boxes[other][0] == frame
                and boxes[row][0] == frame - step
                and boxes[row][1] == boxes[other][1]
                and _iou(boxes[row], boxes[other]) >= 0.3
            ]
            by_order = {number: row for row, number in order.items()}
            for _, _, first, second in sorted(pairs):
                single, other = by_order[first], by_order[second]
                if single not in following and other not in preceding:
                    following[single], preceding[other] = other, single
    collected = []
    for row in rows:
        if row not in preceding:
            track = [row]
            while track[-1] in following:
                track.append(following[track[-1]])
            collected.append(track)
    return sorted(collected)


def _order(boxes: Sequence[Box], row: int) -> tuple[int, int, float, int]:
    frame, category, _, score = boxes[row]
    return category, frame, -score, row


def _iou(single: Box, other: Box) -> float:
    first, second = (np.array([[box[2], 0.0, 10.0, 10.0]]) for box in (single, other))
    overlap: NDArray[np.float64] = geometry.iou(first, second)
    return float(overlap[0, 0])


@pytest.mark.parametrize("category", [(0, 1), (1, 0), (2, 0), (0, 2), (1, 2)])
def test_the_end_of_a_clip_is_not_linked_with_the_next(category: tuple[int, int]) -> None:
    """The last frame of one clip and the first of another, with one box of any class on each."""
    two = by_number([("a", 0), ("b", 0)], fps=1)
    xywh = np.array([[0.0, 0, 10, 10]] * 2)
    for classes in (category, (0, 0)):
        seen = sightings_of(two, np.array([0, 1]), np.array(classes), xywh, np.array([0.9, 0.9]))
        assert len(pairs_of(seen, 3, 0.3).first) == 0


@pytest.mark.parametrize(("side", "pairs"), [(0.0, 0), (0.5, 1)])
def test_boxes_without_an_area_overlap_nothing(side: float, pairs: int) -> None:
    """Half a pixel is an area like any other."""
    xywh = np.array([[5.0, 5, side, side]] * 2)
    seen = sightings_of(timeline(2), np.array([0, 1]), np.array([0, 0]), xywh, np.array([0.9, 0.9]))

    assert len(pairs_of(seen, 0, 0.01).first) == pairs


def standing(images: Sequence[int], on: Timeline) -> linking.Sightings:
    """The same box on each of some images."""
    count = len(images)
    return sightings_of(
        on,
        np.array(images, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.array([[0.0, 0, 10, 10]] * count).reshape(-1, 4),
        np.full(count, 0.9),
    )


def test_boxes_are_in_the_order_of_clips_and_frames() -> None:
    """The images 0 and 1 are those of clip a, 2 and 3 those of b."""
    assert standing([3, 1, 2, 0], timeline(2, ("a", "b"))).image.tolist() == [0, 1, 2, 3]


def test_pairs_have_no_longer_gap_than_asked_for() -> None:
    seen = standing([0, 1, 2], timeline(3))

    assert pairs_of(seen, 0, 0.3).step.tolist() == [1, 1]
    assert pairs_of(seen, 1, 0.3).step.tolist() == [1, 1, 2]


def test_nothing_is_linked_where_nothing_is_seen() -> None:
    seen = standing([], timeline(3))
    pairs = pairs_of(seen, 1, 0.3)

    assert len(pairs.first) == len(pairs.score) == 0
    assert [track.tolist() for _, track in tracks_by_gap(seen, pairs, 0.3, {0, 1})] == [[], []]


@pytest.mark.parametrize(
    ("at_once", "sizes"), [(9, [9]), (6, [6, 3]), (5, [3, 3, 3]), (1, [3] * 3)]
)
def test_only_so_many_pairs_are_compared_at_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int, sizes: list[int]
) -> None:
    """Three boxes on either frame; the pairs of one box stay together."""
    compared: list[int] = []

    def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        compared.append(len(first))
        return np.ones(len(first))

    monkeypatch.setattr(linking, "_iou", iou)
    monkeypatch.setattr(linking, "_PAIRS_AT_ONCE", at_once)

    assert len(pairs_of(standing([0, 0, 0, 1, 1, 1], timeline(2)), 0, 0.3).first) == 9
    assert compared == sizes


def test_a_link_over_a_gap_is_no_link_without_one() -> None:
    seen = standing([0, 2], timeline(3))
    tracks_of = dict(tracks_by_gap(seen, pairs_of(seen, 1, 0.3), 0.3, {0, 1}))

    assert {gap: track.tolist() for gap, track in tracks_of.items()} == {0: [0, 1], 1: [0, 0]}
