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
    able = np.zeros(len(timeline.clips), dtype=np.bool_)
    back = hits - 1
    if back < len(rows):
        first, last = rows[: len(rows) - back], rows[back:]
        fits = (timeline.piece[first] == timeline.piece[last]) & (
            timeline.position[last] - timeline.position[first] < of
        )
        able[timeline.clip[last[fits]]] = True
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
    if hits > 1 and len(
        rows
    ):  # most tracks are too short: to sort them would take most of the time
        rows = rows[np.bincount(track[rows])[track[rows]] >= hits]
    # Within a track the sightings are in the order of their frames already.
    rows = rows[np.argsort(track[rows], kind="stable")]
    of_track, position = track[rows], sightings.position[rows]
    alarming = np.zeros(len(rows), dtype=np.bool_)
    back = hits - 1
    if back < len(rows):
        alarming[back:] = (of_track[back:] == of_track[: len(rows) - back]) & (
            position[back:] - position[: len(rows) - back] < of
        )
    begins = alarming.copy()
    begins[1:] &= ~alarming[:-1] | (of_track[1:] != of_track[:-1])
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    last = np.full(len(starts), -1)
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


def merged(spans: Spans, cooldown_s: float) -> Spans:
    """Make one of the spans of a clip and class of which the later begins less than `cooldown_s`
    after the earlier ones end; spans that overlap are 0 apart."""
    if not len(spans) or cooldown_s <= 0:
        return spans
    group = groups_of(spans)
    # The latest end so far within the group: numbers of ends, so that groups never mix.
    ends, rank = np.unique(spans.end_s, return_inverse=True)
    rank = rank.reshape(-1)
    latest = np.maximum.accumulate(group * len(ends) + rank) - group * len(ends)
    begins = np.ones(len(spans), dtype=np.bool_)
    apart = spans.start_s[1:] - ends[latest[:-1]]
    begins[1:] = (group[1:] != group[:-1]) | (np.maximum(apart, 0) > cooldown_s - TOLERANCE_S)
    starts = np.flatnonzero(begins)
    last_of_each = np.append(starts[1:], len(spans)) - 1
    number = np.cumsum(begins) - 1
    score = np.full(len(starts), -np.inf)
    np.maximum.at(score, number, spans.score)
    # The span that ends last, of which several may have one end.
    ending = np.full(len(starts), -1)
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


def groups_of(spans: Spans) -> Rows:
    """(A,) a number for each clip and class, rising with both."""
    return spans.clip * (int(spans.category.max(initial=0)) + 1) + spans.category


def ordered(spans: Spans) -> Spans:
    """Return spans by clip, class and start."""
    return spans.some(np.lexsort((spans.end_s, spans.start_s, spans.category, spans.clip)))
