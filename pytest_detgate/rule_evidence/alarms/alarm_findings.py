"""Alarms and events as findings, and the film strips of alarms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import Frame, FrameBox, Strip
from pytest_detgate.findings import Finding
from pytest_detgate.record.formatting import six_digits
from pytest_detgate.rules.alarms.class_events import ClassEvents
from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms
from pytest_detgate.scoring.alarms.debounce import Spans

STRIPS, FRAMES = 12, 6


def worst_first(alarms: Spans) -> NDArray[np.int64]:
    """(A,) the alarms by their best score, of equal ones the longest first."""
    lasts = _lasts(alarms)
    order: NDArray[np.int64] = np.lexsort((np.arange(len(alarms)), -lasts, -alarms.score))
    return order


def alarm_findings(dataset: Dataset, clips: ClipAlarms, alarms: Spans) -> Iterator[Finding]:
    """One finding for each alarm, the surest first, at the frame that raised it."""
    for alarm in worst_first(alarms).tolist():
        sighting = int(alarms.first[alarm])
        x, y, width, height = clips.sightings.xywh[sighting].tolist()
        yield Finding(
            text=f"alarm of {alarm_text(clips, alarms, alarm)}",
            dataset=dataset.name,
            image=str(dataset.images.file_name[clips.sightings.image[sighting]]),
            box=(x, y, width, height),
            label=clips.classes[alarms.category[alarm]],
            score=float(alarms.score[alarm]),
        )


def alarm_text(clips: ClipAlarms, alarms: Spans, alarm: int) -> str:
    """Say what raised an alarm and when: `helmet_off, clip yard_1, 3.2 to 5.4 s, best score
    0.92`."""
    clip = int(alarms.clip[alarm])
    first = float(clips.timeline.ends_s[0][clip])
    start, end = alarms.start_s[alarm] - first, alarms.end_s[alarm] - first
    return (
        f"{clips.classes[alarms.category[alarm]]}, clip {clips.timeline.clips[clip]}, "
        f"{start:.2f} to {end:.2f} s, best score {alarms.score[alarm]:.2f}"
    )


def missed_findings(dataset: Dataset, of_class: ClassEvents) -> Iterator[Finding]:
    """One finding for each event without an alarm, the longest first."""
    events = of_class.events
    missed = np.flatnonzero(~of_class.is_found)
    for event in missed[np.argsort(-_lasts(events)[missed], kind="stable")].tolist():
        yield _event_finding(dataset, of_class, event, "no alarm")


def _lasts(spans: Spans) -> NDArray[np.float64]:
    """(A,) seconds, in microseconds at best: times of equal length must not differ by rounding."""
    return np.round(spans.end_s - spans.start_s, 6)


def late_findings(dataset: Dataset, of_class: ClassEvents) -> Iterator[Finding]:
    """One finding for each event: those without an alarm, then the latest alarms first."""
    delay = np.where(of_class.is_found, np.round(of_class.delay_s, 6), np.inf)
    for event in np.argsort(-delay, kind="stable").tolist():
        late = "no alarm" if np.isinf(delay[event]) else f"alarm after {delay[event]:.2f} s"
        yield _event_finding(dataset, of_class, event, late)


def _event_finding(dataset: Dataset, of_class: ClassEvents, event: int, text: str) -> Finding:
    timeline, events = of_class.clips.timeline, of_class.events
    clip = int(events.clip[event])
    first = float(timeline.ends_s[0][clip])
    start, end = events.start_s[event] - first, events.end_s[event] - first
    rows = np.flatnonzero(timeline.clip == clip)
    begun = rows[np.argmin(np.abs(timeline.time_s[rows] - events.start_s[event]))]
    return Finding(
        text=f"{text} for {of_class.name}, clip {timeline.clips[clip]}, {start:.2f} to {end:.2f} s",
        dataset=dataset.name,
        image=str(dataset.images.file_name[begun]),
        label=of_class.name,
    )


def alarm_strips(
    dataset: Dataset, clips: ClipAlarms, alarms: Spans, threshold: float, *, false: bool
) -> list[Strip]:
    """Film strips of the worst alarms: of the frames that fire, from the first that counted towards
    the alarm until its end, as many as fit, with the boxes of its class."""
    return [
        _strip(dataset, clips, alarms, alarm, threshold, false=false)
        for alarm in worst_first(alarms)[:STRIPS].tolist()
    ]


def _strip(
    dataset: Dataset,
    clips: ClipAlarms,
    alarms: Spans,
    alarm: int,
    threshold: float,
    *,
    false: bool,
) -> Strip:
    timeline, sightings = clips.timeline, clips.sightings
    clip, of = int(alarms.clip[alarm]), clips.settings.debounce.of
    of_class = (sightings.clip == clip) & (sightings.category == alarms.category[alarm])
    fires = np.flatnonzero(of_class & (sightings.score > threshold))
    rows = np.flatnonzero(timeline.clip == clip)
    rows = rows[np.argsort(timeline.time_s[rows], kind="stable")]
    raised = int(np.searchsorted(timeline.time_s[rows], alarms.start_s[alarm]))
    end = int(np.searchsorted(timeline.time_s[rows], alarms.end_s[alarm], side="right"))
    begin = max(raised - of + 1, 0)
    firing = begin + np.flatnonzero(np.isin(rows[begin:end], sightings.image[fires]))
    chosen = firing[_spread(len(firing), int(np.searchsorted(firing, raised)))]
    first_s = timeline.time_s[rows[0]]
    frames = []
    for sighting in chosen.tolist():
        image = int(rows[sighting])
        seconds = timeline.time_s[image] - first_s
        frames.append(
            Frame(
                dataset=dataset.name,
                image=str(dataset.images.file_name[image]),
                boxes=[
                    _box(clips, sighting, false=false)
                    for sighting in fires[sightings.image[fires] == image].tolist()
                ],
                text=f"{seconds:.2f} s" + (", alarm" if sighting == raised else ""),
            )
        )
    return Strip(text=f"Alarm of {alarm_text(clips, alarms, alarm)}", frames=frames)


def _spread(frames: int, raised: int) -> NDArray[np.int64]:
    """Which of the frames that fire are shown: all up to the one that raises the alarm, as far as
    there is room, and the rest spread evenly."""
    begin = max(raised + 2 - FRAMES, 0)
    room = FRAMES - (raised + 1 - begin)
    after = np.linspace(raised + 1, frames - 1, min(room, frames - 1 - raised)).round()
    return np.concatenate([np.arange(begin, raised + 1), after.astype(np.int64)])


def _box(clips: ClipAlarms, sighting: int, *, false: bool) -> FrameBox:
    sightings = clips.sightings
    x, y, width, height = map(six_digits, sightings.xywh[sighting].tolist())
    return FrameBox(
        box=(x, y, width, height),
        label=clips.classes[sightings.category[sighting]],
        score=float(sightings.score[sighting]),
        false=false,
    )
