"""The events and the alarms of the clips of a split or probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.clips.event_intervals import EventIntervals, read_event_intervals
from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.inputs.timelines import tables_of
from pytest_detgate.scoring.alarms.clip_alarms import (
    AlarmSettings,
    ClipAlarms,
    Debounce,
    classes_of_both,
    clip_alarms,
    events_of_intervals,
)
from pytest_detgate.scoring.alarms.debounce import Spans
from pytest_detgate.scoring.alarms.trade_off import DEBOUNCES, thresholds_of

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs
    from pytest_detgate.inputs.project import Project


def read_events(
    project: Project, name: str, timeline: Timeline, classes: tuple[str, ...]
) -> Spans | None:
    """Read the intervals of events that a split or probe names; None where it names no file."""
    own, *of_query = (table.events for table in tables_of(project, name))
    named = own or next(iter(of_query), None)
    if named is None:
        return None
    read = read_event_intervals(project.configuration.locate(named))
    if own is None:  # of the events of its split a query has those that its frames show
        clips = {clip: index for index, clip in enumerate(timeline.clips)}
        shown = [
            clip in clips and _is_shown(timeline, clips[clip], start, end)
            for clip, start, end in zip(
                read.clip, read.start_s.tolist(), read.end_s.tolist(), strict=True
            )
        ]
        read = read.some(np.flatnonzero(shown))
    clip = _indices(read, "clip", read.clip, timeline.clips)
    category = _indices(read, "class", read.class_name, classes)
    spans = events_of_intervals(clip, category, read.start_s, read.end_s, timeline)
    _require_frames(read, clip, timeline)
    return spans


def make_clip_alarms(
    inputs: ModelInputs, name: str, timeline: Timeline, threshold: float
) -> ClipAlarms:
    """Put the detections of a split or probe on its timeline."""
    project = inputs.project
    dataset, detections = inputs.dataset(name), inputs.detections(name)
    classes = classes_of_both(dataset, detections)
    settings = alarm_settings(project)
    tried = debounces(project)
    return clip_alarms(
        dataset,
        detections,
        timeline,
        read_events(project, name, timeline, classes),
        classes,
        settings,
        lowest=min(thresholds_of(detections.score_floor, threshold)),
        gap=max(rule.gap for rule in tried),
    )


def alarm_settings(project: Project) -> AlarmSettings:
    """What `[alarms]` says."""
    table = project.tables.alarms
    return AlarmSettings(
        debounce=Debounce(table.hits, table.of, table.longest_gap),
        link_iou=table.link_iou,
        cooldown_s=table.cooldown_s,
        before_s=table.before_s,
        after_s=table.after_s,
    )


def debounces(project: Project) -> tuple[Debounce, ...]:
    """The ways of debouncing that are compared: the one of `[alarms]` and some common ones."""
    table = project.tables.alarms
    pairs = {*DEBOUNCES, (table.hits, table.of)}
    return tuple(sorted(Debounce(hits, of, table.gap_of(hits, of)) for hits, of in pairs))


def _indices(
    read: EventIntervals, kind: str, names: tuple[str, ...], known: tuple[str, ...]
) -> NDArray[np.int64]:
    index = {name: number for number, name in enumerate(known)}
    for name, line in zip(names, read.line, strict=True):
        if name not in index:
            text = f"no {kind} {name!r}{nearest(name, known)}"
            if len(known) <= 20:
                text = unknown(kind, name, known)
            raise DataError(f"{read.path}: line {line}: {text}")
    return np.array([index[name] for name in names], dtype=np.int64)


def _is_shown(timeline: Timeline, clip: int, start_s: float, end_s: float) -> bool:
    """Whether a frame of a clip was taken during an event."""
    of_clip = timeline.clip == clip
    time_s, lasts_s = timeline.time_s[of_clip], timeline.lasts_s[of_clip]
    return bool(((time_s <= end_s) & (time_s + lasts_s > start_s)).any())


def _require_frames(read: EventIntervals, clip: NDArray[np.int64], timeline: Timeline) -> None:
    """Raise `DataError` for an event during which no frame was taken."""
    for event, line in enumerate(read.line):
        start_s, end_s = float(read.start_s[event]), float(read.end_s[event])
        if not _is_shown(timeline, int(clip[event]), start_s, end_s):
            time_s = timeline.time_s[timeline.clip == clip[event]]
            raise DataError(
                f"{read.path}: line {line}: no frame of clip {read.clip[event]!r} was taken from "
                f"{start_s:g} to {end_s:g} s; its frames are from {time_s.min():g} to "
                f"{time_s.max():g} s"
            )
