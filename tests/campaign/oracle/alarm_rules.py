"""Which items of the rules on alarms may pass; see `split_rules`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.campaign.oracle.labels import Box
from tests.campaign.oracle.metrics import binomial_lower, overlap, poisson_upper
from tests.campaign.oracle.pair_rules import whole
from tests.campaign.oracle.reading import Key, NotKnownHereError, NotLookedAtError, number
from tests.campaign.oracle.split_rules import Check, within
from tests.campaign.oracle.view import Table, View

SMALL = 1e-6


@dataclass(frozen=True)
class _Sighting:
    """A box in a clip: `frame` counts frames, `second` is the time of its frame."""

    frame: int
    second: float
    box: Box
    score: float


@dataclass(frozen=True)
class _Span:
    """An alarm or an event, in seconds."""

    start: float
    end: float


Spans = dict[tuple[Key, str], list[_Span]]
"""Spans by clip and class, in order."""


class _Frames:
    """The clip and the place of each image of a split or probe; `missing` and `untimed` count the
    frames and images that nobody looked at."""

    def __init__(self, view: View, name: str) -> None:
        dataset = view.table("dataset")
        own = view.table("dataset", "splits").get(name) or view.table("probes").get(name) or {}
        if own.get("time-field", dataset.get("time-field")) is not None:
            raise NotKnownHereError("time stamps")
        fps = own.get("fps", dataset.get("fps"))
        if fps is None or not number(fps) > 0:
            raise NotLookedAtError("no frame rate")
        self.fps = number(fps)
        self.step = int(number(own.get("frame-step", dataset.get("frame-step", 1))))
        clips = view.clips(name, None)
        numbers = view.groups(name, "frame", view.table("alarms").get("frame-field"))
        self.position: list[tuple[Key, int] | None] = [
            None if clip is None or frame is None else (clip, frame)
            for clip, frame in zip(clips, map(whole, numbers), strict=True)
        ]
        self.untimed = self.position.count(None)
        self.missing = 0
        timed = [position for position in self.position if position is not None]
        if not timed:
            raise NotLookedAtError("no image has a time")
        for clip in {clip for clip, _ in timed}:
            frames = sorted(frame for other, frame in timed if other == clip)
            for entry, other in itertools.pairwise(frames):
                if entry == other or (other - entry) % self.step:
                    raise NotLookedAtError(f"frames {entry} and {other} of a clip")
                self.missing += (other - entry) // self.step - 1
        self._timed = timed

    def hours(self, hits: int, of: int) -> float:
        """The hours of clips on which an alarm can begin; refused where there is none."""
        count = 0
        for clip in {clip for clip, _ in self._timed}:
            frames = sorted(frame // self.step for other, frame in self._timed if other == clip)
            if any(
                frames[frame + hits - 1] - frames[frame] < of
                for frame in range(len(frames) - hits + 1)
            ):
                count += len(frames)
        if not count:
            raise NotLookedAtError("all clips are too short for an alarm")
        return count * self.step / self.fps / 3600

    def are_enough(self, table: Table) -> bool:
        """Whether a rule may leave out what was not looked at."""
        return self.missing <= number(table.get("max-missing-frames", 0)) and (
            self.untimed <= number(table.get("max-untimed", 0))
        )

    def spans(
        self, boxes: list[tuple[int, str, Box, float]], hits: int, of: int, alarms: Table
    ) -> Spans:
        """What boxes (image, class, box, score) raise where `hits` of `of` frames are needed."""
        by_group: dict[tuple[Key, str], list[_Sighting]] = {}
        for image, name, box, score in boxes:
            location = self.position[image]
            if location is not None:
                clip, frame = location
                first = _Sighting(frame // self.step, frame / self.fps, box, score)
                by_group.setdefault((clip, name), []).append(first)
        return {
            group: _merged(_raised(list(_tracks(listed, alarms)), hits, of), alarms)
            for group, listed in by_group.items()
        }


def _tracks(listed: list[_Sighting], alarms: Table) -> Iterator[list[_Sighting]]:
    """Link boxes: short steps first, of one step the best overlap first."""
    hits, of = _of(alarms, "hits", 3), _of(alarms, "of", 5)
    gap, least = _of(alarms, "gap", of - hits), number(alarms.get("link-iou", 0.3))
    before: dict[int, int] = {}
    after: dict[int, int] = {}
    for step in range(1, int(gap) + 2):
        pairs = [
            (-overlap(box.box, other.box), -other.score, first, second)
            for first, box in enumerate(listed)
            for second, other in enumerate(listed)
            if other.frame - box.frame == step and overlap(box.box, other.box) >= least
        ]
        for _, _, first, second in sorted(pairs):
            if first not in after and second not in before:
                after[first], before[second] = second, first
    for first in range(len(listed)):
        if first not in before:
            track, index = [], first
            while True:
                track.append(listed[index])
                if index not in after:
                    break
                index = after[index]
            yield track


def _raised(tracks: list[list[_Sighting]], hits: int, of: int) -> list[_Span]:
    """The spans in which `hits` of the last `of` frames of a track have a box."""
    spans = []
    for track in tracks:
        start: float | None = None
        for index, entry in enumerate(track):
            is_on = index >= hits - 1 and entry.frame - track[index - hits + 1].frame < of
            if is_on and start is None:
                start = entry.second
            if not is_on and start is not None:
                spans.append(_Span(start, track[index - 1].second))
                start = None
        if start is not None:
            spans.append(_Span(start, track[-1].second))
    return sorted(spans, key=lambda span: (span.start, span.end))


def _merged(spans: list[_Span], alarms: Table) -> list[_Span]:
    cooldown = number(alarms.get("cooldown-s", 5.0))
    made: list[_Span] = []
    for span in spans:
        if made and cooldown > 0 and max(span.start - made[-1].end, 0) <= cooldown - SMALL:
            made[-1] = _Span(made[-1].start, max(made[-1].end, span.end))
        else:
            made.append(span)
    return made


def _of(alarms: Table, key: str, otherwise: float) -> int:
    return int(number(alarms.get(key, otherwise)))


def _alarms_and_events(
    view: View, name: str, frames: _Frames, threshold: float
) -> tuple[Spans, Spans]:
    alarms = view.table("alarms")
    hits, of = _of(alarms, "hits", 3), _of(alarms, "of", 5)
    rows = [
        (detection.image, detection.category, detection.box, detection.score)
        for detection in view.detected(name)
    ]
    truth = []
    for annotation in view.labels(name).annotations:
        if (
            annotation.image is None
            or annotation.category is None
            or annotation.box is None
            or not annotation.is_finite
        ):
            raise NotLookedAtError("an object of no image or class, or without a box")
        if not annotation.crowd:
            truth.append((annotation.image, annotation.category, annotation.box, 1.0))
    fired = frames.spans([row for row in rows if row[3] > threshold], hits, of, alarms)
    return fired, frames.spans(truth, 1, 1, alarms)


def _belongs(alarm: _Span, event: _Span, alarms: Table) -> bool:
    before, after = number(alarms.get("before-s", 2.0)), number(alarms.get("after-s", 10.0))
    return event.start - before - SMALL <= alarm.start <= event.end + after + SMALL


def _alarm_rate(view: View, table: Table, probe: str) -> bool | None:
    own = table.get("probes")
    budget = table | (own.get(probe, {}) if isinstance(own, dict) else {})
    view.labels(probe).require_labels()
    frames = _Frames(view, probe)
    settings = view.table("alarms")
    hours = frames.hours(_of(settings, "hits", 3), _of(settings, "of", 5))
    if not frames.are_enough(table) or hours < number(budget.get("min-hours") or 0):
        raise NotLookedAtError("too little was looked at")
    fired, events = _alarms_and_events(view, probe, frames, view.threshold(budget))
    false = sum(
        1
        for group, spans in fired.items()
        for span in spans
        if not any(_belongs(span, event, settings) for event in events.get(group, []))
    )
    is_upper = budget.get("bound", "point") == "upper"
    count = poisson_upper(false, view.confidence(budget)) if is_upper else false
    limits = (
        ("max-alarms", count),
        ("max-per-hour", count / hours),
        ("max-per-camera-day", 24 * count / hours),
    )
    is_within = [
        within(value, budget, high=key) for key, value in limits if budget.get(key) is not None
    ]
    if not is_within or not all(is_within):
        return False
    return None if is_upper or view.misses_all_objects() else True


@dataclass(frozen=True)
class _Events:
    """The delay of each event of a class, None where it has no alarm."""

    delays: list[float | None]

    @property
    def detected(self) -> int:
        return sum(1 for delay in self.delays if delay is not None)


def alarm_split(view: View) -> str:
    """The split whose events must raise alarms."""
    return str(view.table("alarms").get("split", view.evaluated))


def _events(view: View, table: Table, name: str) -> _Events:
    split = alarm_split(view)
    view.labels(split).require_labels(int(number(table.get("max-unlabelled", 0))), sized=True)
    frames = _Frames(view, split)
    if not frames.are_enough(table):
        raise NotLookedAtError("frames or times are missing")
    fired, events = _alarms_and_events(view, split, frames, view.threshold(table))
    settings = view.table("alarms")
    delays: list[float | None] = []
    for group, spans in events.items():
        if group[1] != name:
            continue
        for event in spans:
            alarms = [entry for entry in fired.get(group, []) if _belongs(entry, event, settings)]
            delays.append(min(alarm.start for alarm in alarms) - event.start if alarms else None)
    if not delays or len(delays) < number(table.get("min-events") or 0):
        raise NotLookedAtError(f"too few events of {name}")
    return _Events(delays)


def _limits(table: Table, name: str, keys: tuple[str, ...]) -> Table:
    """The limits of a class: its own, else those of the rule."""
    own: Any = table.get("classes")
    own = own.get(name) if isinstance(own, dict) else None
    if isinstance(own, dict):
        return {key: own.get(key, table.get(key)) for key in keys}
    return {key: table.get(key) if own is None else own for key in keys}


def _alarm_recall(view: View, table: Table, label: str) -> bool | None:
    events = _events(view, table, label)
    floor = _limits(table, label, ("min",))
    total = len(events.delays)
    if table.get("bound", "point") == "lower":
        exact = binomial_lower(events.detected, total, view.confidence(table))
        return None if within(exact, floor) else False
    return within(events.detected / total, floor)


def _alarm_delay(view: View, table: Table, label: str) -> bool:
    events = _events(view, table, label)
    limits = _limits(table, label, ("max-median-s", "max-p95-s"))
    delays = sorted(math.inf if delay is None else delay for delay in events.delays)
    remaining = []
    for key, share in (("max-median-s", 0.5), ("max-p95-s", 0.95)):
        if limits[key] is not None:
            delay = delays[math.ceil(round(share * len(delays), 9)) - 1]
            remaining.append(delay <= number(limits[key]) + SMALL)
    return bool(remaining) and all(remaining)


def flicker(view: View, table: Table, name: str) -> bool | None:
    """Whether the item of a split or probe may pass: what it has to look at, and no more."""
    view.labels(name)
    frames = _Frames(view, name)
    if not frames.are_enough(table):
        raise NotLookedAtError("frames or times are missing")
    over = view.threshold(table)
    if not any(row.score > over for row in view.detections(name).rows):
        raise NotLookedAtError("nothing is detected")
    return None if table.get("max") is not None else False


PROBE_RULES: dict[str, Check] = {"alarm-rate": _alarm_rate}
CLASS_RULES: dict[str, Check] = {"alarm-recall": _alarm_recall, "alarm-delay": _alarm_delay}
"""Rules with one item for each class of the split of clips."""
CODES = frozenset((*PROBE_RULES, *CLASS_RULES, "flicker"))
