"""The evidence that a project has for a limit, and how its clips come."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.scoring.alarms.debounce import hours_that_count
from pytest_detgate.scoring.bounds.clip_law import ClipLaw, correlation_of

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a split or probe has of what a limit is about: the `units` that are independent,
    clips if `has_clips`, else frames; their `frames`, and their `hours` or None where the times are
    not known. `others` are units that have nothing of it."""

    has_clips: bool
    units: int
    others: int
    frames: int
    hours: float | None

    def text(self, units: int | None = None) -> str:
        """`12 clips, 48 frames, 0.5 h`, of all or of as many units as are given, in proportion."""
        share = 1.0 if units is None else units / max(self.units, 1)
        parts = []
        if self.has_clips:
            parts.append(counted(self.units if units is None else units, "clip"))
        parts.append(counted(math.ceil(share * self.frames), "frame"))
        if self.hours is not None:
            parts.append(f"{number(share * self.hours, 3)} h")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the evidence for a limit: its size, None where the data cannot be read, and
    the law of its clips, with where that comes from."""

    size: Size | None
    law: ClipLaw
    about: str


def known_of(
    limit: PlannedLimit, inputs: Inputs, correlation: float | None, clip_frames: int | None
) -> Known:
    """Look at the data of a limit, and at what a model did on it where there are detections.

    A `correlation` and a number of frames of a clip replace those that were seen. Without any, all
    frames of a clip are taken to be alike.
    """
    size, sizes = _size(limit, inputs)
    things: Counts | None = sizes
    observed = None
    if limit.observe is not None and size is not None:
        with contextlib.suppress(DetgateError):
            observed = limit.observe(inputs)
    if observed is not None:
        things = observed[1][observed[1] > 0].astype(np.int64)
    if clip_frames is not None:
        things = _of_one_size(clip_frames)
    if things is None or not len(things) or limit.things == "clips":
        things = _of_one_size(1)
    alike, about = correlation, "as given"
    if alike is None and observed is not None:
        alike = correlation_of(*observed)
        about = "seen on these clips"
    if alike is None:
        alike, about = 1.0, "assumed: a clip is good or bad as a whole"
    if int(things.max()) == 1:
        about = ""
    return Known(size=size, law=ClipLaw(things, float(alike)), about=about)


def _of_one_size(size: int) -> Counts:
    return np.array([size], dtype=np.int64)


def _size(limit: PlannedLimit, inputs: Inputs) -> tuple[Size | None, Counts | None]:
    """The size of a split or probe, and of each unit how many frames, or boxes of a class."""
    try:
        dataset, units = inputs.dataset(limit.dataset), inputs.units(limit.dataset)
    except DetgateError:
        return None, None
    image: Counts = np.arange(len(dataset.images))
    if limit.things in ("boxes", "events"):
        image = _images_of_boxes(dataset, limit.category)
    things = np.bincount(units.of_image[image], minlength=units.count)
    counts = (things > 0)[units.of_image]
    things = things[things > 0]
    hours = None
    with contextlib.suppress(DetgateError):
        timeline, alarms = inputs.timeline(limit.dataset), inputs.project.tables.alarms
        is_rate = limit.kind == "rate"
        seconds = float(timeline.lasts_s[counts].sum())
        hours = hours_that_count(timeline, alarms.hits, alarms.of) if is_rate else seconds / 3600
    if limit.things == "events":
        things = np.ones(len(things), dtype=np.int64)
    size = Size(
        has_clips=units.kind == "clip",
        units=len(things),
        others=units.count - len(things),
        frames=int(np.count_nonzero(counts)),
        hours=hours,
    )
    return size, things


def _images_of_boxes(dataset: Dataset, category: str | None) -> Counts:
    boxes = dataset.boxes
    judged = ~boxes.crowd & (boxes.image != UNLISTED)
    if category is not None:
        if category not in dataset.classes:
            raise DataError(f"{dataset.name} has no class {category!r}")
        judged = judged & (boxes.category == dataset.classes.index(category))
    images: Counts = boxes.image[judged]
    return images
