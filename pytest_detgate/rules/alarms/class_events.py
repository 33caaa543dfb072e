"""The events of one class, and the alarm of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import TOLERANCE_S
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms
from pytest_detgate.scoring.alarms.debounce import Spans
from pytest_detgate.scoring.alarms.matching import match_alarms
from pytest_detgate.scoring.false_boxes import require_threshold


@dataclass(frozen=True, slots=True, eq=False)
class ClassEvents:
    """The E events of a class, `category` of `clips.classes`, and the alarms of that class.

    `false` (A,) marks alarms that belong to no event. `delay_s` (E,) is the time to the alarm of
    each event, NaN where it has none. `begins_cut` and `ends_cut` (E,) are those that the first or
    the last frame of their clip shows.
    """

    name: str
    category: int
    clips: ClipAlarms
    alarms: Spans
    false: NDArray[np.bool_]
    events: Spans
    delay_s: NDArray[np.float64]
    begins_cut: NDArray[np.bool_]
    ends_cut: NDArray[np.bool_]

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """(E,) the events that have an alarm."""
        return ~np.isnan(self.delay_s)

    def found_by_clip(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(C,) the events with an alarm on each clip, and all events."""
        clips = len(self.clips.timeline.clips)
        events_found = np.bincount(self.events.clip[self.is_found], minlength=clips)
        return events_found, np.bincount(self.events.clip, minlength=clips)


def events_of_class(
    inputs: Inputs, split: str, name: str | None, threshold: float, least: int | None
) -> ClassEvents:
    """Match the events of a class with its alarms; `NotLookedAtError` where there is none,
    `TooLittleEvidenceError` where there are fewer than `least`."""
    dataset = inputs.dataset(split)
    if name is None:
        raise DataError(f"the classes of {split} could not be read", of_data=True)
    require_threshold(inputs.detections(split), threshold)
    clips = inputs.clip_alarms(split, threshold)
    if name not in dataset.classes:
        raise DataError(f"{split} has no class {name!r}", of_data=True)
    category = clips.classes.index(name)
    events = clips.events.some(clips.events.category == category)
    if not len(events):
        raise NotLookedAtError(
            f"there is no event of class {name!r} on the clips of {split}",
            Extent(unit="classes", to_look_at=1, looked_at=0),
            of_data=True,
        )
    if least is not None and len(events) < least:
        raise TooLittleEvidenceError(
            f"class {name!r} has {counted(len(events), 'event')} on {split}, and min-events asks "
            f"for {least}",
            f"{counted(least - len(events), 'more event')} of class {name!r} on {split}",
            of_data=True,
        )
    (every,) = clips.alarms(threshold, [clips.settings.debounce])
    alarms = every.some(every.category == category)
    settings = clips.settings
    matches = match_alarms(alarms, events, settings.before_s, settings.after_s)
    first, last = clips.timeline.ends_s
    return ClassEvents(
        name=name,
        category=category,
        clips=clips,
        alarms=alarms,
        false=matches.false,
        events=events,
        delay_s=matches.delay_s,
        begins_cut=events.start_s <= first[events.clip] + TOLERANCE_S,
        ends_cut=events.end_s >= last[events.clip] - TOLERANCE_S,
    )
