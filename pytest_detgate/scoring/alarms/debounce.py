"""Alarms from tracks: `hits` of the last `of` frames fire. Alarms close to each other are one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import TOLERANCE_S, UNTIMED, Timeline
from pytest_detgate.scoring.alarms.linking import Sightings

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """A alarms, or events: clip and class of each, from when to when, in seconds on the clock of
    its clip, by clip, class and start.

    `score` (A,) is the best of its boxes while it lasts, `first` and `last` (A,) are the numbers of
    the sightings that began and ended it, -1 where it comes from a file.
    """

    clip: Rows
    category: Rows
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    score: NDArray[np.float64]
    first: Rows
    last: Rows

    def __len__(self) -> int:
        return len(self.clip)

    def some(self, which: NDArray[np.bool_] | Rows) -> Spans:
        """Some of them."""
        return Spans(
            clip=self.clip[which],
            category=self.category[which],
            start_s=self.start_s[which],
            end_s=self.end_s[which],
            score=self.score[which],
            first=self.first[which],
            last=self.last[which],
        )


def clips_that_can_alarm(timeline: Timeline, hits: int, of: int) -> NDArray[np.bool_]:
    """(C,) the clips that have `hits` frames within `of`, without a pause between them: on a
    shorter one no detector can raise an alarm."""
    timed = np.flatnonzero(timeline.clip != UNTIMED)
    rows = timed[np.lexsort((timeline.position[timed], timeline.piece[timed]))]
    alarming = _alarming(timeline.piece[rows], timeline.position[rows], hits, of)
    able = np.zeros(len(timeline.clips), dtype=np.bool_)
    able[timeline.clip[rows[alarming]]] = True
    return able


def hours_that_count(timeline: Timeline, hits: int, of: int) -> float:
    """The hours of these clips; those of others are no time without an alarm."""
    return float(timeline.hours_of_clips[clips_that_can_alarm(timeline, hits, of)].sum())


def debounced(
    sightings: Sightings, track: Rows, over: NDArray[np.bool_], hits: int, of: int
) -> Spans:
    """Return the spans in which a track raises an alarm: from the box with which `hits` of its
    last `of` frames have one, until the last box of which that is true without a break.

    `track` (N,) numbers the track of each sighting, `over` (N,) those that fire.
    """
    rows = np.flatnonzero(over)
    # Most tracks are too short: to sort them would take most of the time.
    rows = rows[np.bincount(track[rows])[track[rows]] >= hits]
    # Within a track the sightings are in the order of their frames already.
    rows = rows[np.lexsort((rows, track[rows]))]
    of_track = track[rows]
    alarming = _alarming(of_track, sightings.position[rows], hits, of)
    begins = alarming.copy()
    begins[1:] &= ~alarming[:-1] | (of_track[1:] != of_track[:-1])
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    last = np.empty_like(starts)
    last[number[alarming]] = np.flatnonzero(alarming)  # the last one stays
    score = np.full(len(starts), -np.inf)
    np.maximum.at(score, number[alarming], sightings.score[rows[alarming]])
    first_row, last_row = rows[starts], rows[last]
    return ordered(
        Spans(
            clip=sightings.clip[first_row],
            category=sightings.category[first_row],
            start_s=sightings.time_s[first_row],
            end_s=sightings.time_s[last_row],
            score=score,
            first=first_row,
            last=last_row,
        )
    )


def _alarming(group: Rows, position: Rows, hits: int, of: int) -> NDArray[np.bool_]:
    """(N,) at which of the frames of groups, sorted by group and position, the last `hits` of the
    group are within `of` positions."""
    alarming = np.zeros(len(group), dtype=np.bool_)
    last = np.arange(hits - 1, len(group))
    first = np.arange(len(last))
    alarming[last] = (group[first] == group[last]) & (position[last] - position[first] < of)
    return alarming


def merged(spans: Spans, cooldown_s: float) -> Spans:
    """Make one of the spans of a clip and class of which the later begins less than `cooldown_s`
    after the earlier ones end; spans that overlap are 0 apart."""
    if not len(spans) or cooldown_s <= 0:
        return spans
    group = spans.clip * (spans.category.max() + 1) + spans.category
    # The latest end so far within the group: numbers of ends, so that groups never mix.
    ends, rank = np.unique(spans.end_s, return_inverse=True)
    latest = np.maximum.accumulate(group * len(ends) + rank) - group * len(ends)
    begins = np.ones(len(spans), dtype=np.bool_)
    apart = spans.start_s[1:] - ends[latest[:-1]]
    begins[1:] = (group[1:] != group[:-1]) | (np.maximum(apart, 0) >= cooldown_s - TOLERANCE_S)
    starts = np.flatnonzero(begins)
    last_of_each = np.append(starts[1:], len(spans)) - 1
    number = np.cumsum(begins) - 1
    score = np.full(len(starts), -np.inf)
    np.maximum.at(score, number, spans.score)
    # The span that ends last, of which several may have one end.
    ending = np.empty_like(starts)
    ends_it = spans.end_s == ends[latest[last_of_each]][number]
    ending[number[ends_it]] = np.flatnonzero(ends_it)
    return Spans(
        clip=spans.clip[starts],
        category=spans.category[starts],
        start_s=spans.start_s[starts],
        end_s=ends[latest[last_of_each]],
        score=score,
        first=spans.first[starts],
        last=spans.last[ending],
    )


def ordered(spans: Spans) -> Spans:
    """Return spans by clip, class and start."""
    return spans.some(np.lexsort((spans.end_s, spans.start_s, spans.category, spans.clip)))
