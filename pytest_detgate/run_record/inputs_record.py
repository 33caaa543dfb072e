"""What was read of splits and probes, and computed of them, as the record has it."""

from __future__ import annotations

from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.contents import SplitContents, split_contents
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.inputs.fingerprints import name_order, names_sha256
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.image_counts import LONGEST_COUNTS, packed_counts
from pytest_detgate.record.report import (
    NO_DETECTIONS,
    BaselineRecord,
    DatasetRecord,
    FalseBoxCounts,
    PredictionsRecord,
    ProbeRecord,
    ScoreRecord,
    SplitRecord,
)


def dataset_record(inputs: Inputs) -> DatasetRecord:
    """What was read so far."""
    record = DatasetRecord(splits={}, probes={})
    for name in inputs.project.splits:
        if (dataset := _read(inputs, name)) is not None:
            # The images of a split may be many: only where a model has read them anyway.
            is_judged = _is_judged(inputs, name)
            by_model = is_judged and inputs.source.model_record() is not None
            record.splits[name] = inputs.memory.once(
                ("dataset record", name, by_model, is_judged),
                partial(_split_record, inputs, dataset, with_images=by_model, is_judged=is_judged),
            )
    for name in inputs.project.tables.probes:
        if (dataset := _read(inputs, name)) is not None:
            is_judged = _is_judged(inputs, name)
            thresholds = tuple(inputs.counted_false_boxes(name))
            record.probes[name] = inputs.memory.once(
                ("probe record", name, is_judged, thresholds),
                partial(_probe_record, inputs, dataset, is_judged=is_judged),
            )
    return record


def predictions_records(inputs: Inputs) -> dict[str, PredictionsRecord]:
    """The result files that were read so far. That of a sealed probe has the number of its
    detections, so it is left out."""
    records = inputs.source.predictions_records()
    return {name: entry for name, entry in records.items() if name not in inputs.project.seals}


def score_records(inputs: Inputs) -> dict[str, ScoreRecord]:
    """The metrics computed so far."""
    cards = {
        name: card
        for name in inputs.project.splits
        if (card := inputs.memory.made(("scores", name), object)) is not None
    }
    if not cards:
        return {}
    # Only a run with metrics pays for these imports.
    from pytest_detgate.run_record.score_record import score_record
    from pytest_detgate.scoring.score_card import ScoreCard

    return {
        name: inputs.memory.once(("score record", name), partial(score_record, inputs, name, card))
        for name, card in cards.items()
        if isinstance(card, ScoreCard)
    }


def contents(inputs: Inputs) -> dict[str, SplitContents]:
    """What is in the splits that were read so far, for charts."""
    return {
        name: inputs.data.once(("contents", name), partial(split_contents, dataset))
        for name in inputs.project.splits
        if (dataset := _read(inputs, name)) is not None
    }


def baseline_record(inputs: Inputs) -> BaselineRecord | None:
    """The baseline, if it was asked for and could be read."""
    from pytest_detgate.inputs.compared.baseline import Baseline

    baseline = inputs.memory.made("baseline", object)
    return baseline.record if isinstance(baseline, Baseline) else None


def _read(inputs: Inputs, name: str) -> Dataset | None:
    return inputs.data.made(("dataset", name), Dataset)


def _is_judged(inputs: Inputs, name: str) -> bool:
    """Whether a rule has had detections of a split or probe."""
    return inputs.memory.made(("detections", name), DetectionTable) is not None


def _split_record(
    inputs: Inputs, dataset: Dataset, *, with_images: bool, is_judged: bool
) -> SplitRecord:
    assert dataset.annotations is not None
    return SplitRecord(
        annotations=inputs.project.relative(dataset.annotations),
        images_dir=inputs.project.relative(dataset.images_dir),
        sha256=dataset.sha256 or "",
        images=len(dataset.images),
        boxes=len(dataset.boxes),
        empty=len(dataset.empty_images()),
        images_sha256=inputs.images_sha256(dataset.name) if with_images else None,
        detections_sha256=_detections_sha256(inputs, dataset.name) if is_judged else None,
        notes=list(dataset.notes),
    )


def _probe_record(inputs: Inputs, dataset: Dataset, *, is_judged: bool) -> ProbeRecord:
    record = _open_probe_record(inputs, dataset, is_judged=is_judged)
    if dataset.name not in inputs.project.seals:
        return record
    return msgspec.structs.replace(record, detections_sha256=None, false_boxes=[], notes=[])


def _open_probe_record(inputs: Inputs, dataset: Dataset, *, is_judged: bool) -> ProbeRecord:
    """The record of a probe, as it is without a seal."""
    path, part = dataset.annotations, dataset.part
    return ProbeRecord(
        images_dir=inputs.project.relative(dataset.images_dir),
        images=len(dataset.images),
        boxes=len(dataset.boxes),
        annotations=None if path is None else inputs.project.relative(path),
        sha256=dataset.sha256,
        names_sha256=names_sha256(dataset),
        images_sha256=inputs.images_sha256(dataset.name) if is_judged else None,
        split=None if part is None else part.whole.name,
        query=None if part is None else part.query,
        detections_sha256=_detections_sha256(inputs, dataset.name) if is_judged else None,
        false_boxes=[
            _false_box_counts(inputs, dataset, threshold, rows)
            for threshold, rows in sorted(inputs.counted_false_boxes(dataset.name).items())
        ],
        notes=list(dataset.notes),
    )


def _detections_sha256(inputs: Inputs, name: str) -> str:
    return inputs.detections_sha256(name) or NO_DETECTIONS


def _false_box_counts(
    inputs: Inputs, dataset: Dataset, threshold: float, rows: NDArray[np.int64]
) -> FalseBoxCounts:
    image = inputs.detections(dataset.name).image[rows]
    by_row = np.bincount(image, minlength=len(dataset.images))
    text = packed_counts(by_row[name_order(dataset)].tolist())
    return FalseBoxCounts(
        score_threshold=threshold,
        boxes=len(rows),
        by_image=text if len(text) <= LONGEST_COUNTS else None,
    )
