"""Detections that come and go on the frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import TOLERANCE_S, UNTIMED, Timeline
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.alarms.linking import (
    Sightings,
    pairs_of,
    sightings_of,
    tracks_by_gap,
)

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FlickeringObjects:
    """The K objects that a detector sees on the clips of a timeline.

    `row` (K,) is the first detection of each, of the table that they come from, `clip` and
    `category` (K,) are its own. `seconds` (K,) is the time from its first frame to the end of its
    last. `interruptions` (K,) counts how often it is gone for a frame or more and comes back,
    `is_short` (K,) says that it comes and goes within a short time.
    """

    row: Rows
    clip: Rows
    category: Rows
    seconds: NDArray[np.float64]
    interruptions: Rows
    is_short: NDArray[np.bool_]

    @property
    def changes(self) -> Rows:
        """(K,) how often each object comes and goes: interruptions, and 1 where it is short."""
        return self.interruptions + self.is_short


def flicker_of(
    timeline: Timeline,
    detections: DetectionTable,
    threshold: float,
    *,
    gap_s: float,
    short_s: float,
    link_iou: float,
) -> FlickeringObjects:
    """Link the detections with score > threshold of each class to objects.

    An object may be gone for `gap_s` seconds. It is short where it lasts no longer than `short_s`
    seconds, and neither begins with the first frame of a clip nor ends with the last one: a camera
    that starts and stops cuts objects short. Frames without a neighbour in their clip say nothing,
    and what is on them is left out; so is an interruption of which no frame is there.
    """
    rows = np.flatnonzero((detections.score > threshold) & _has_neighbour(timeline, detections))
    sightings = sightings_of(
        timeline,
        detections.image[rows],
        detections.category[rows],
        detections.xywh[rows],
        detections.score[rows],
    )
    lasts = timeline.lasts_s[timeline.clip != UNTIMED]
    frame_s = float(np.median(lasts)) if len(lasts) else 1.0
    gap = max(0, round(gap_s / frame_s))
    ((_, track),) = tracks_by_gap(sightings, pairs_of(sightings, gap, link_iou), -np.inf, {gap})
    return _objects(timeline, sightings, track, rows, short_s)


def _has_neighbour(timeline: Timeline, detections: DetectionTable) -> NDArray[np.bool_]:
    timed = timeline.piece[timeline.piece != UNTIMED]
    frames = np.bincount(timed, minlength=1)
    piece = timeline.piece[detections.image]
    has_one: NDArray[np.bool_] = (piece != UNTIMED) & (frames[piece] > 1)
    return has_one


def _objects(
    timeline: Timeline, sightings: Sightings, track: Rows, rows: Rows, short_s: float
) -> FlickeringObjects:
    # By track, and in it by position.
    order = np.lexsort((sightings.position, track))
    track = track[order]
    if not len(track):
        nothing = np.empty(0, dtype=np.int64)
        return FlickeringObjects(
            nothing, nothing, nothing, np.empty(0), nothing, np.empty(0, dtype=np.bool_)
        )
    begins = np.flatnonzero(np.diff(track, prepend=-1))
    ends = np.append(begins[1:], len(track)) - 1
    number = _frame_numbers(timeline)[sightings.image[order]]
    is_gone = np.diff(number, prepend=number[:1]) > 1
    is_gone[begins] = False
    image = sightings.image[order]
    first, last = image[begins], image[ends]
    seconds = timeline.time_s[last] - timeline.time_s[first] + timeline.lasts_s[last]
    inside = ~_is_end(timeline, -1)[first] & ~_is_end(timeline, 1)[last]
    return FlickeringObjects(
        row=rows[sightings.row[order][begins]],
        clip=sightings.clip[order][begins],
        category=sightings.category[order][begins],
        seconds=seconds,
        interruptions=np.add.reduceat(is_gone.astype(np.int64), begins),
        is_short=inside & (seconds <= short_s + TOLERANCE_S),
    )


def _frame_numbers(timeline: Timeline) -> Rows:
    """(images,) numbers of frames that are there, without room for those that are missing."""
    order = np.lexsort((timeline.position, timeline.piece))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number


def _is_end(timeline: Timeline, side: int) -> NDArray[np.bool_]:
    """(images,) whether a frame is the first (-1) or the last (1) of its piece."""
    order = np.lexsort((timeline.position, timeline.piece))
    piece = timeline.piece[order]
    is_end = np.ones(len(order), dtype=np.bool_)
    if side < 0:
        is_end[order] = np.diff(piece, prepend=-2) != 0
    else:
        is_end[order] = np.diff(piece, append=-2) != 0
    return is_end
