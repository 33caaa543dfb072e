"""The baseline: another checkpoint that is run on the same data, or what an earlier run reported.

A comparison means something only where data, classes and protocol are the same. Whatever differs
is refused with its reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.inputs.baseline_report import BaselineReport
from pytest_detgate.inputs.comparable import (
    BaselineAp,
    defined,
    named,
    require_other_file,
    require_same_classes,
)
from pytest_detgate.record.report import BaselineRecord
from pytest_detgate.regular_file import open_regular
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.operating_point import false_scores
from pytest_detgate.scoring.score_card import ApMetric

if TYPE_CHECKING:
    from pytest_detgate.inputs.gate_inputs import GateInputs
    from pytest_detgate.inputs.sweep import OtherModels
    from pytest_detgate.scoring.bounds.bootstrap import Replicates


class Baseline(Protocol):
    """What a rule may ask of the baseline. What cannot be compared raises `DataError`."""

    record: BaselineRecord

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        """Its AP on a split."""

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        """Its figures in the very draws that `Inputs.replicates` has for these numbers; None
        where nothing is known of single images."""

    def false_boxes(self, probe: str, threshold: float) -> int:
        """Its false boxes on a probe with score > threshold."""

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64] | None:
        """(images,) the same by image; None where nothing is known of single images."""

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float] | None:
        """(n,) scores of all its false boxes on a probe, best first, and the score below which it
        kept nothing; None where they are not known."""

    def images_note(self, probe: str) -> str:
        """Text behind the baseline's name that says how the images of a probe were compared;
        empty where that was by content."""


def open_baseline(gated: GateInputs, others: OtherModels) -> Baseline:
    """The baseline that the user names; `NoBaselineError` where nothing is named, or where a
    named file may be missing and is."""
    path = others.baseline
    if path is None:
        raise NoBaselineError("there is no baseline to compare with")
    source = others.readable(path)
    if not source.exists():
        reason = f"the baseline {gated.project.relative(path)} does not exist"
        if others.may_be_missing:
            raise NoBaselineError(reason)
        raise DataError(
            f'{reason}; a first run names no baseline, or has baseline = {{ path = "...", '
            "may-be-missing = true } under [model]"
        )
    if is_report(source):
        return BaselineReport(gated, path, source)
    record = BaselineRecord(
        path=gated.project.relative(path), sha256=others.sha256(path), kind="checkpoint"
    )
    return BaselineModel(gated, gated.beside(others.of_baseline(path)), record)


def is_report(path: Path) -> bool:
    """Whether a baseline is a report rather than a checkpoint."""
    if path.suffix.lower() == ".json":
        return True
    try:
        with open_regular(path) as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False  # which the reader of checkpoints says


class BaselineModel:
    """Another checkpoint, run on the same data."""

    def __init__(self, gated: GateInputs, other: GateInputs, record: BaselineRecord) -> None:
        self.record = record
        self._gated = gated
        self._other = other

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        self._require_comparable(split)
        with named(self.record):
            card = self._other.scores(split)
        classes = {name: getattr(score, metric) for name, score in card.classes.items()}
        return BaselineAp(defined(card.figure(metric), metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return self._other.replicates(split, "all", replicates, seed)

    def false_boxes(self, probe: str, threshold: float) -> int:
        return int(self.false_on_images(probe, threshold).sum())

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64]:
        self._require_comparable(probe)
        dataset, detections = self._gated.dataset(probe), self._other.detections(probe)
        with named(self.record):
            rows = false_boxes(dataset, detections, threshold)
        return np.bincount(detections.image[rows], minlength=len(dataset.images))

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float]:
        self._require_comparable(probe)
        dataset, detections = self._gated.dataset(probe), self._other.detections(probe)
        return false_scores(dataset, detections), detections.score_floor

    def images_note(self, probe: str) -> str:
        return ""  # both models are run on the same images

    def _require_comparable(self, name: str) -> None:
        require_other_file(self._gated.source.digest(name), [self.record.sha256], self.record)
        # A result file of a folder that holds nothing names no classes either.
        gated = self._gated.detections(name).classes
        with named(self.record):
            other = self._other.detections(name).classes
        if gated and other:
            require_same_classes(gated, other, "its detector", self.record)
