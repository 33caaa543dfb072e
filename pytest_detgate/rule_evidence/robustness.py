"""What corruptions do to AP and on probes, as far as it must be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.findings import Interval
from pytest_detgate.image_changes.corruptions.corruption import Corruption
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.model import spread
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.lost_objects import new_boxes
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.robustness import (
    RelativeDrop,
    ap_on,
    confidence_of_looks,
    interval_of_drop,
    looks_at,
    sample_of_clips,
)
from pytest_detgate.scoring.score_card import ApMetric

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPlan:
    """How the drop of AP is measured: on `images` of the split at most, drawn by `seed`.

    With `stops_early` no more are looked at as soon as the bounds are on one side of the `limit`.
    The bounds of all looks hold together with `confidence`. `needs_bounds` says that too few clips
    for bounds are too little evidence.
    """

    metric: ApMetric
    images: int
    seed: int
    replicates: int
    confidence: float
    limit: float
    stops_early: bool
    needs_bounds: bool


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredDrop:
    """The drop of AP on `images` of the `planned` images; `is_early` says that bounds decided."""

    drop: RelativeDrop
    interval: Interval | None
    images: int
    planned: int
    is_early: bool


def measured_drop(
    inputs: Inputs, split: str, changes: Sequence[Corruption], plan: DropPlan
) -> MeasuredDrop:
    """Measure how far AP on a split falls, on more and more of a sample until that is decided."""
    sample = sample_of_clips(inputs.units(split).of_image, plan.images, plan.seed)
    looks = looks_at(sample, plan.seed) if plan.stops_early else [sample]
    confidence = confidence_of_looks(plan.confidence, len(looks))
    for rows in looks[:-1]:
        drop, interval = _drop_on(inputs, split, changes, plan, rows, confidence)
        if interval is not None and not interval.low <= plan.limit < interval.high:
            return MeasuredDrop(drop, interval, len(rows), len(sample), True)
    drop, interval = _drop_on(
        inputs, split, changes, plan, sample, confidence, needs_bounds=plan.needs_bounds
    )
    return MeasuredDrop(drop, interval, len(sample), len(sample), False)


def _drop_on(
    inputs: Inputs,
    split: str,
    changes: Sequence[Corruption],
    plan: DropPlan,
    rows: Rows,
    confidence: float,
    *,
    needs_bounds: bool = False,
) -> tuple[RelativeDrop, Interval | None]:
    dataset, clean = inputs.dataset(split), inputs.matches(split)
    scoring = inputs.project.tables.scoring
    most = scoring.max_detections
    images = np.zeros(len(dataset.images), dtype=np.bool_)
    images[rows] = True
    before = ap_on(clean, images, plan.metric, most)
    if before is None:
        raise DataError(f"the {len(rows):,} images of {split} that were drawn have no box to find")
    if not before:
        raise TooLittleEvidenceError(
            f"{plan.metric} is 0 on the {len(rows):,} clean images of {split} that were drawn, and "
            "cannot fall"
        )
    corrupted = [_matches(inputs, split, rows, change) for change in changes]
    values = [ap_on(matches, images, plan.metric, most) for matches in corrupted]
    drop = RelativeDrop(before, tuple(value or 0.0 for value in values))
    if not plan.replicates:
        return drop, None
    units = inputs.units(split).only(images)
    resampling = Resampling(units, plan.replicates, plan.seed)
    intervals = Intervals(resampling, confidence, scoring.interval)
    try:
        return drop, interval_of_drop(drop, clean, corrupted, plan.metric, intervals, most)
    except TooLittleEvidenceError:
        if needs_bounds:
            raise
        return drop, None  # a look at too few clips decides nothing


def _matches(inputs: Inputs, split: str, rows: Rows, change: Corruption) -> Matches:
    table = inputs.changed_detections(split, rows, change)
    return match(candidates_of(columns_of(inputs.dataset(split), table)))


@dataclass(frozen=True, slots=True, eq=False)
class CreatedBoxes:
    """False boxes of a probe that are on a corrupted image and not on the clean one: their `rows`
    in the `detections` on images changed by `change`, and the number of `images` looked at."""

    probe: str
    change: Corruption
    images: int
    rows: Rows
    detections: DetectionTable


def created_boxes(
    inputs: Inputs, probe: str, change: Corruption, threshold: float, images: int
) -> CreatedBoxes:
    """Count the false boxes over a threshold that a corruption creates on a probe.

    One is created if no detection on the clean image, of the same class and over the threshold,
    overlaps it (IoU ≥ 0.5, one to one).
    """
    dataset, clean = inputs.dataset(probe), inputs.detections(probe)
    rows = spread(len(dataset.images), images)
    table = inputs.changed_detections(probe, rows, change)
    false = false_boxes(dataset, table, threshold)
    over = np.flatnonzero(clean.score > threshold)
    before = over[np.argsort(-clean.score[over], kind="stable")]
    created, _ = new_boxes(table, false, clean, before, len(dataset.images))
    return CreatedBoxes(probe, change, len(rows), created, table)
