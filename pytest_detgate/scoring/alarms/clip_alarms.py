"""The alarms of the clips of a split or probe, at any score threshold and debounce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.scoring.alarms.debounce import Spans, debounced, merged, ordered
from pytest_detgate.scoring.alarms.linking import (
    Pairs,
    Sightings,
    pairs_of,
    sightings_of,
    tracks_by_gap,
)
from pytest_detgate.scoring.alarms.matching import AlarmMatches, match_alarms


@dataclass(frozen=True, slots=True, order=True)
class Debounce:
    """An alarm needs `hits` of the last `of` frames of a track, which may have gaps of `gap`
    frames."""

    hits: int
    of: int
    gap: int

    def __str__(self) -> str:
        return f"{self.hits} of {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """What makes an alarm, and which belong to an event; see `[alarms]`."""

    debounce: Debounce
    link_iou: float
    cooldown_s: float
    before_s: float
    after_s: float


@dataclass(frozen=True, slots=True, eq=False)
class ClipAlarms:
    """The detections of a split or probe on its timeline, linked as far as `gap` allows, and the
    events that must, or may, raise alarms. `classes` are those of both."""

    timeline: Timeline
    classes: tuple[str, ...]
    sightings: Sightings
    pairs: Pairs
    events: Spans
    settings: AlarmSettings

    def alarms(self, threshold: float, debounces: Sequence[Debounce]) -> list[Spans]:
        """The alarms over a score threshold for each way of debouncing."""
        over = self.sightings.score > threshold
        by_debounce = {}
        gaps = {debounce.gap for debounce in debounces}
        for gap, track in tracks_by_gap(self.sightings, self.pairs, threshold, gaps):
            for debounce in debounces:
                if debounce.gap == gap:
                    spans = debounced(self.sightings, track, over, debounce.hits, debounce.of)
                    by_debounce[debounce] = merged(spans, self.settings.cooldown_s)
        return [by_debounce[debounce] for debounce in debounces]

    def matches(self, alarms: Spans) -> AlarmMatches:
        """Which of the events have one of the alarms."""
        return match_alarms(alarms, self.events, self.settings.before_s, self.settings.after_s)


def clip_alarms(
    dataset: Dataset,
    detections: DetectionTable,
    timeline: Timeline,
    events: Spans | None,
    classes: tuple[str, ...],
    settings: AlarmSettings,
    *,
    lowest: float,
    gap: int,
) -> ClipAlarms:
    """Link the detections over the `lowest` score threshold that will be asked for, up to the
    longest `gap`. Without `events` they are the boxes of the data set, linked like detections."""
    over = np.flatnonzero(detections.score > lowest)
    index = np.array([classes.index(name) for name in detections.classes], dtype=np.int64)
    sightings = sightings_of(
        timeline,
        detections.image[over],
        index[detections.category[over]],
        detections.xywh[over],
        detections.score[over],
    )
    return ClipAlarms(
        timeline=timeline,
        classes=classes,
        sightings=sightings,
        pairs=pairs_of(sightings, gap, settings.link_iou),
        events=events_of_boxes(dataset, timeline, classes, settings) if events is None else events,
        settings=settings,
    )


def classes_of_both(dataset: Dataset, detections: DetectionTable) -> tuple[str, ...]:
    """The classes of a split or probe, then those that the detector has besides."""
    return tuple(dict.fromkeys((*dataset.classes, *detections.classes)))


def events_of_boxes(
    dataset: Dataset, timeline: Timeline, classes: tuple[str, ...], settings: AlarmSettings
) -> Spans:
    """The events that the boxes of a split or probe make: those of a class that are linked, and
    merged, like detections; each box counts, as no debounce is needed. Crowd regions are none."""
    boxes = dataset.boxes
    rows = np.flatnonzero((boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd)
    index = np.array([classes.index(name) for name in dataset.classes], dtype=np.int64)
    sightings = sightings_of(
        timeline,
        boxes.image[rows],
        index[boxes.category[rows]],
        boxes.xywh[rows],
        np.ones(len(rows)),
    )
    gap = settings.debounce.gap
    pairs = pairs_of(sightings, gap, settings.link_iou)
    ((_, track),) = tracks_by_gap(sightings, pairs, 0.0, {gap})
    everything = np.ones(len(sightings), dtype=np.bool_)
    spans = debounced(sightings, track, everything, hits=1, of=1)
    return merged(spans, settings.cooldown_s)


def events_of_intervals(
    clip: NDArray[np.int64],
    category: NDArray[np.int64],
    start_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    timeline: Timeline,
) -> Spans:
    """Events from intervals, (E,) each; one that begins before the first frame of its clip begins
    with that."""
    first, _ = timeline.ends_s
    count = len(clip)
    return ordered(
        Spans(
            clip=clip,
            category=category,
            start_s=np.maximum(start_s, first[clip]) if count else start_s,
            end_s=end_s,
            score=np.ones(count),
            first=np.full(count, -1),
            last=np.full(count, -1),
        )
    )
