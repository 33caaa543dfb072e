"""What corruptions do to AP and on probes, as far as it must be looked at."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Interval
from pytest_detgate.image_changes.corruptions.corruption import Corruption
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.model import spread
from pytest_detgate.record.formatting import counted
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.comparison.lost_objects import new_boxes
from pytest_detgate.scoring.comparison.robustness import (
    Corrupted,
    RelativeDrop,
    ap_on,
    confidence_of_looks,
    interval_of_drop,
    looks_at,
    sample_of_clips,
)
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.matching import candidates_of, match
from pytest_detgate.scoring.score_card import ApMetric

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPlan:
    """How the drop of AP is measured: on `images` of the split at most for each corruption and
    severity, drawn by `seed`.

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
    """The drop of AP on `images` of the `planned` images for each corruption and severity;
    `is_early` says that bounds decided."""

    drop: RelativeDrop
    interval: Interval | None
    images: int
    planned: int
    is_early: bool


def measured_drop(
    inputs: Inputs, split: str, changes: Sequence[Corruption], plan: DropPlan
) -> MeasuredDrop:
    """Measure how far AP on a split falls, on more and more of a sample until that is decided."""
    of_image = inputs.units(split).of_image
    samples = [
        sample_of_clips(of_image, plan.images, seed_of_sample(plan.seed, change))
        for change in changes
    ]
    planned = len(samples[0])
    looks = [
        looks_at(sample, seed_of_sample(plan.seed, change)) if plan.stops_early else [sample]
        for sample, change in zip(samples, changes, strict=True)
    ]
    number = len(looks[0])
    confidence = confidence_of_looks(plan.confidence, number)
    for look in range(number - 1):
        rows = [rows_of_change[look] for rows_of_change in looks]
        try:
            drop = _drop_on(inputs, split, changes, plan.metric, rows)
            interval = _interval(inputs, split, drop, plan, confidence)
        except TooLittleEvidenceError:
            continue  # a look at too few clips decides nothing
        if not interval.low <= plan.limit < interval.high:
            return MeasuredDrop(drop, interval, len(rows[0]), planned, True)
    drop = _drop_on(inputs, split, changes, plan.metric, samples)
    bounds: Interval | None = None
    if plan.replicates:
        try:
            bounds = _interval(inputs, split, drop, plan, confidence)
        except TooLittleEvidenceError:
            if plan.needs_bounds:
                raise
    return MeasuredDrop(drop, bounds, planned, planned, False)


def seed_of_sample(seed: int, change: Corruption) -> int:
    """Return the seed by which the images of a corruption are drawn: others for each."""
    return zlib.crc32(f"{seed} {change.name} {change.severity}".encode())


def _drop_on(
    inputs: Inputs,
    split: str,
    changes: Sequence[Corruption],
    metric: ApMetric,
    rows_of_changes: Sequence[Rows],
) -> RelativeDrop:
    dataset, clean = inputs.dataset(split), inputs.matches(split)
    most = inputs.project.tables.scoring.max_detections
    corrupted = []
    for change, rows in zip(changes, rows_of_changes, strict=True):
        images = np.zeros(len(dataset.images), dtype=np.bool_)
        images[rows] = True
        before = ap_on(clean, images, metric, most)
        if not before:
            what = f"{metric} is 0" if before is not None else "there is no box to find"
            raise TooLittleEvidenceError(
                f"{what} on the {counted(len(rows), 'clean image')} of {split} that were drawn, "
                f"so nothing "
                "can fall"
            )
        table = inputs.changed_detections(split, rows, change)
        matches = match(candidates_of(columns_of(dataset, table)))
        after = ap_on(matches, images, metric, most) or 0.0
        corrupted.append(Corrupted(matches, images, before, after))
    whole = ap_on(clean, np.ones(len(dataset.images), dtype=np.bool_), metric, most)
    assert whole  # it is not 0 on some of the images
    return RelativeDrop(whole, tuple(corrupted))


def _interval(
    inputs: Inputs, split: str, drop: RelativeDrop, plan: DropPlan, confidence: float
) -> Interval:
    scoring = inputs.project.tables.scoring
    resampling = Resampling(inputs.units(split), plan.replicates, plan.seed)
    intervals = Intervals(resampling, confidence, scoring.interval)
    return interval_of_drop(
        drop, inputs.matches(split), plan.metric, intervals, scoring.max_detections
    )


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
