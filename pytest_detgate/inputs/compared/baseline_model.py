"""A baseline that is another checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.comparable import (
    BaselineAp,
    defined,
    named,
    require_same_classes,
    same_detections,
    same_file,
)
from pytest_detgate.record.report import BaselineRecord
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.metrics.operating_point import false_scores
from pytest_detgate.scoring.score_card import ApMetric

if TYPE_CHECKING:
    from pytest_detgate.dataset.tables import DetectionTable
    from pytest_detgate.inputs.model import ModelInputs
    from pytest_detgate.scoring.bounds.bootstrap import Replicates
    from pytest_detgate.scoring.matching import Matches


class BaselineModel(Baseline):
    """Another checkpoint, run on the same data."""

    def __init__(self, gated: ModelInputs, other: ModelInputs, record: BaselineRecord) -> None:
        self.record = record
        self._gated = gated
        self._other = other

    def unchanged(self, name: str) -> str | None:
        digest = self._gated.source.digest(name)
        if digest is not None and digest == self.record.sha256:
            return same_file(digest)
        with named(self.record):
            theirs = self._other.detections_sha256(name)
        ours = self._gated.detections_sha256(name)
        return same_detections(name) if ours is not None and ours == theirs else None

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        self._require_comparable(split)
        with named(self.record):
            card = self._other.scores(split)
        classes = {name: getattr(score, metric) for name, score in card.classes.items()}
        return BaselineAp(defined(card.value_of(metric), metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return self._other.replicates(split, "all", replicates, seed)

    def matches(self, split: str) -> Matches:
        return self._other.matches(split)

    def detections(self, name: str) -> DetectionTable:
        self._require_comparable(name)
        with named(self.record):
            return self._other.detections(name)

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
        # A result file of a folder that holds nothing names no classes either.
        gated = self._gated.detections(name).classes
        with named(self.record):
            other = self._other.detections(name).classes
        if gated and other:
            require_same_classes(gated, other, "its detector", self.record)
