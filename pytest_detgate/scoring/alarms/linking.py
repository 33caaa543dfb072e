"""Linking of boxes of one class over the frames of a clip, by greedy IoU.

A box is linked with one of the next frame or, over a gap, with one of a later frame; each box has
at most one before it and one after it. Short steps come before long ones; of one step the pair
with the highest IoU comes first, among equals the better score, then the order of the table. A link
never depends on frames after it, so that a product can do the same as frames come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.clips.timeline import UNTIMED, Timeline

Rows = NDArray[np.int64]
_PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """N boxes of one class after the other, those of a class by piece and position.

    `row` (N,) of the table that they come from, `image` (N,) of the images, `group` (N,) numbers
    class and piece, `position` (N,) as in `Timeline`, `xywh` (N, 4) in pixels, `score` (N,).
    `category` (N,) and `clip` (N,) are those of the box. `time_s` (N,) is that of its frame.
    """

    row: Rows
    image: Rows
    category: Rows
    clip: Rows
    group: Rows
    position: Rows
    time_s: NDArray[np.float64]
    xywh: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """P pairs of boxes that may be linked: `first` and `second` (P,) index the sightings, `step`
    (P,) positions lie between them; those of the smallest step come first, and of one step the
    one that is preferred. A pair counts over thresholds below `score` (P,)."""

    first: Rows
    second: Rows
    step: Rows
    score: NDArray[np.float64]


def sightings_of(
    timeline: Timeline,
    image: Rows,
    category: Rows,
    xywh: NDArray[np.float64],
    score: NDArray[np.float64],
) -> Sightings:
    """Put the boxes of a table on the timeline of its images, (N,) each; boxes on images whose
    clip or time is not known are left out."""
    row = np.flatnonzero(timeline.clip[image] != UNTIMED)
    # There are no more pieces than images.
    group = category[row] * len(timeline.piece) + timeline.piece[image[row]]
    position = timeline.position[image[row]]
    order = np.lexsort((-score[row], position, group))
    row, group, position = row[order], group[order], position[order]
    return Sightings(
        row=row,
        image=image[row],
        category=category[row],
        clip=timeline.clip[image[row]],
        group=group,
        position=position,
        time_s=timeline.time_s[image[row]],
        xywh=xywh[row],
        score=score[row],
    )


def pairs_of(sightings: Sightings, gap: int, link_iou: float) -> Pairs:
    """Find the pairs of one class with an IoU of at least `link_iou` and at most `gap` frames
    between them."""
    # Groups lie so far apart on one line that no step leads from one to the next.
    span = int(sightings.position.max(initial=0)) + gap + 2
    _, group = np.unique(sightings.group, return_inverse=True)
    position = group * span + sightings.position
    pairs = [_of_step(sightings, position, step, link_iou) for step in range(1, gap + 2)]
    first, second, step, overlap = (
        np.concatenate([part[column] for part in pairs]) for column in range(4)
    )
    # Of the boxes of a frame the better score comes first already.
    order = np.lexsort((second, first, -overlap, step))
    first, second = first[order], second[order]
    return Pairs(
        first=first,
        second=second,
        step=step[order],
        score=np.minimum(sightings.score[first], sightings.score[second]),
    )


def _of_step(
    sightings: Sightings, position: Rows, step: int, link_iou: float
) -> tuple[Rows, Rows, Rows, NDArray[np.float64]]:
    """The pairs so many frames apart: first, second, step, IoU."""
    start = np.searchsorted(position, position + step)
    count = np.searchsorted(position, position + step, side="right") - start
    has_any = np.flatnonzero(count)
    ends = np.cumsum(count[has_any])
    parts = []
    begin = 0
    while begin < len(has_any):
        done = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, side="right")), begin + 1)
        some = has_any[begin:end]
        first = np.repeat(some, count[some])
        behind = np.arange(len(first)) - np.repeat(
            ends[begin:end] - count[some] - done, count[some]
        )
        second = np.repeat(start[some], count[some]) + behind
        overlap = _iou(sightings.xywh[first], sightings.xywh[second])
        is_linked = overlap >= link_iou
        parts.append((first[is_linked], second[is_linked], overlap[is_linked]))
        begin = end
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing, np.empty(0)
    first, second, overlap = (
        np.concatenate([part[column] for part in parts]) for column in range(3)
    )
    return first, second, np.full(len(first), step), overlap


def _iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    shared = geometry.paired_intersection(first, second)
    return geometry.share_of(shared, geometry.area(first) + geometry.area(second) - shared)


def tracks_by_gap(
    sightings: Sightings, pairs: Pairs, threshold: float, gaps: set[int]
) -> Iterator[tuple[int, Rows]]:
    """Yield for each of the `gaps`, of which there must be one, rising, the track of each box over
    the threshold: (N,) the number of its first box; of one that is not over it its own.

    A longer gap only adds links to those of a shorter one, so all come from one linking.
    """
    before = np.arange(len(sightings))
    has_next = np.zeros(len(sightings), dtype=np.bool_)
    has_last = np.zeros(len(sightings), dtype=np.bool_)
    is_over = pairs.score > threshold
    for gap in range(max(gaps) + 1):
        start, end = np.searchsorted(pairs.step, (gap + 1, gap + 2))
        chosen = start + np.flatnonzero(is_over[start:end])
        _link(pairs.first[chosen], pairs.second[chosen], before, has_next, has_last)
        if gap in gaps:
            yield gap, _firsts(before)


def _link(
    first: Rows,
    second: Rows,
    before: Rows,
    has_next: NDArray[np.bool_],
    has_last: NDArray[np.bool_],
) -> None:
    """Take the pairs of one step in their order, each where both boxes are still free.

    A pair that comes first for both of its boxes is taken in any case, so these are
    taken at once, then those that come first among the rest.
    """
    best_of_first = np.empty_like(before)
    best_of_second = np.empty_like(before)
    while True:
        free = ~(has_next[first] | has_last[second])
        first, second = first[free], second[free]
        if not len(first):
            return
        pair = np.arange(len(first))
        # Of several values for one index the last one stays: the first in order, read backwards.
        best_of_first[first[::-1]] = pair[::-1]
        best_of_second[second[::-1]] = pair[::-1]
        taken = (best_of_first[first] == pair) & (best_of_second[second] == pair)
        before[second[taken]] = first[taken]
        has_next[first[taken]] = True
        has_last[second[taken]] = True


def _firsts(before: Rows) -> Rows:
    """(N,) the first box of the track of each, from the one before each."""
    first = before.copy()
    linked = np.flatnonzero(before != np.arange(len(before)))
    while len(linked):
        further = first[first[linked]]
        moved = further != first[linked]
        first[linked] = further
        linked = linked[moved]
    return first
