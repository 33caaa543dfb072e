"""Limits that evidence shows, as they are known before there is any model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Bound
from pytest_detgate.record.formatting import number, percent
from pytest_detgate.scoring.metrics.recall import boxes_of_class, counts_by_unit, found_boxes

if TYPE_CHECKING:
    from pytest_detgate.inputs.inputs import Inputs

Counts = NDArray[np.int64]
Observed = tuple[Counts, Counts]
"""Of each clip, (G,): how many frames, boxes or events went wrong, and how many there are."""
LimitKind = Literal["share", "boxes", "rate", "fall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLimit:
    """A limit of an item on a split or probe, as a largest amount of what goes wrong.

    `kind` is the share of `things` that go wrong (`metric` says of what), false boxes a frame,
    false alarms an hour, or the fall of a metric. `limit` is the most of it. `is_floor` says that
    the project sets, and people say, the share that goes well. Things are those of the class
    `category`, where it names one. By a bound (`by_bound`) at `confidence`, or by the value alone.
    `has_power` says that chances to pass can be computed, `is_watched` that the bound
    holds at every moment while hours are added. `observe` gives what a model did on each
    clip, from its detections.
    """

    text: str
    dataset: str
    kind: LimitKind
    limit: float
    confidence: float
    by_bound: bool
    flawless: str
    things: Literal["frames", "boxes", "events", "clips"] = "frames"
    metric: str = "share"
    category: str | None = None
    is_floor: bool = False
    has_power: bool = True
    least_units: int = 0
    is_watched: bool = False
    observe: Callable[[Inputs], Observed] | None = None


def false_limit(
    kind: Literal["share", "boxes"],
    text: str,
    probe: str,
    limit: float,
    confidence: float,
    bound: Bound,
    score: float,
) -> PlannedLimit:
    """A limit on the false boxes over a score on a probe: on the share of its frames that have one,
    or on those of an average frame."""

    def observe(inputs: Inputs) -> Observed:
        on_frame, units = _false_on_frames(inputs, probe, score), inputs.units(probe)
        return _by_unit(on_frame > 0, units.of_image, units.count)

    return PlannedLimit(
        text=text,
        dataset=probe,
        kind=kind,
        limit=limit,
        confidence=confidence,
        by_bound=bound != "point",
        flawless="no false box on",
        has_power=kind == "share" or limit < 1,
        observe=observe,
    )


def found_share(
    what: str,
    split: str,
    floor: float,
    confidence: float,
    bound: Bound,
    *,
    category: str | None = None,
    score: float | None = None,
) -> PlannedLimit:
    """A floor of a metric of the ground truth of a split: of a recall at a score, or of AP, which
    is taken to behave like a recall of the same value."""

    def observe(inputs: Inputs) -> Observed:
        matches, units = inputs.matches(split), inputs.units(split)
        columns = matches.candidates.columns
        index = columns.classes.index(category or "")
        over = -math.inf if score is None else score
        boxes_found = counts_by_unit(columns.gt_image[found_boxes(matches, index, over)], units)
        boxes = counts_by_unit(columns.gt_image[boxes_of_class(matches, index)], units)
        return (boxes - boxes_found)[boxes > 0], boxes[boxes > 0]

    return PlannedLimit(
        text=f"{what} at least {number(floor)}",
        dataset=split,
        kind="share",
        limit=1 - floor,
        confidence=confidence,
        by_bound=bound != "point",
        flawless="everything found on",
        things="boxes",
        metric="recall" if what.startswith("recall") else "AP",
        category=category,
        is_floor=True,
        observe=observe if category is not None else None,
    )


def shown_limits(limits: Iterator[PlannedLimit]) -> Iterator[PlannedLimit]:
    """Those of the limits that evidence can show: what may never happen, and what always may, is no
    question of evidence."""
    return (
        limit
        for limit in limits
        if limit.least_units
        or (limit.limit > 0 and not (limit.kind == "share" and limit.limit >= 1))
    )


def share_text(limit: float, things: str) -> str:
    """`at most 5% of frames with a false box`."""
    return f"at most {percent(limit)} of {things} with a false box"


def _false_on_frames(inputs: Inputs, probe: str, score: float) -> Counts:
    image = inputs.detections(probe).image[inputs.false_boxes(probe, score)]
    return np.bincount(image, minlength=len(inputs.dataset(probe).images))


def _by_unit(on_frame: NDArray[np.generic], unit: Counts, units: int) -> Observed:
    part = np.bincount(unit, on_frame.astype(np.float64), minlength=units).astype(np.int64)
    return part, np.bincount(unit, minlength=units)
