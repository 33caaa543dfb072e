"""The features that detections of two datasets are compared by: scores, boxes, classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.contents import COUNT_EDGES
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.drift.features import Feature, Rows, Sample, count_labels
from pytest_detgate.errors import DataError

_STEPS = 20
_SCORE_LABELS = tuple(f"{n / _STEPS:.2f}-{(n + 1) / _STEPS:.2f}" for n in range(_STEPS))


class Predictions(NamedTuple):
    """The detections of a dataset; those with score > `threshold` count."""

    dataset: Dataset
    detections: DetectionTable
    threshold: float

    @property
    def images(self) -> int:
        return len(self.dataset.images)

    def rows(self, feature: str) -> Rows:
        """Rows of the detections that count; `DataError` where none does."""
        rows = np.flatnonzero(self.detections.score > self.threshold)
        if not len(rows):
            raise DataError(
                f"{self.dataset.name} has no detections with score > {self.threshold:g}, so "
                f"{feature} cannot be compared; leave it out with features = {{ {feature} = 1 }}"
            )
        return rows


def prediction_features(
    reference: Predictions, tested: Predictions, names: Sequence[str]
) -> list[Feature]:
    """Observe the named features of both; `DataError` where one lacks what a feature is made of."""
    return [_MAKERS[name](name, reference, tested) for name in names]


def _score_bin(score: NDArray[np.float64]) -> NDArray[np.int32]:
    bins: NDArray[np.int32] = np.clip((score * _STEPS).astype(np.int32), 0, _STEPS - 1)
    return bins


def _score(name: str, reference: Predictions, tested: Predictions) -> Feature:
    def sample(predictions: Predictions) -> Sample:
        rows = predictions.rows(name)
        return Sample(
            predictions.detections.image[rows], _score_bin(predictions.detections.score[rows])
        )

    return Feature(name, "detections", _SCORE_LABELS, sample(reference), sample(tested))


def _highest_score(name: str, reference: Predictions, tested: Predictions) -> Feature:
    def sample(predictions: Predictions) -> Sample:
        highest = np.zeros(predictions.images)
        np.maximum.at(highest, predictions.detections.image, predictions.detections.score)
        has_any = np.bincount(predictions.detections.image, minlength=predictions.images) > 0
        bins = np.where(has_any, 1 + _score_bin(highest), 0).astype(np.int32)
        return Sample(np.arange(predictions.images), bins)

    labels = ("no detection", *_SCORE_LABELS)
    return Feature(name, "images", labels, sample(reference), sample(tested))


def _per_image(name: str, reference: Predictions, tested: Predictions) -> Feature:
    def sample(predictions: Predictions) -> Sample:
        counted = predictions.detections.image[predictions.detections.score > predictions.threshold]
        counts = np.bincount(counted, minlength=predictions.images)
        return Sample(
            np.arange(predictions.images), (np.digitize(counts, COUNT_EDGES) - 1).astype(np.int32)
        )

    return Feature(name, "images", count_labels(), sample(reference), sample(tested))


def _class(name: str, reference: Predictions, tested: Predictions) -> Feature:
    codes: dict[str, int] = {}

    def sample(predictions: Predictions) -> Sample:
        rows, detections = predictions.rows(name), predictions.detections
        of_class = np.array([codes.setdefault(label, len(codes)) for label in detections.classes])
        return Sample(detections.image[rows], of_class[detections.category[rows]].astype(np.int32))

    samples = sample(reference), sample(tested)
    return Feature(name, "detections", tuple(codes), *samples)


_MAKERS: Final[dict[str, Callable[[str, Predictions, Predictions], Feature]]] = {
    "score": _score,
    "highest-score": _highest_score,
    "boxes-per-image": _per_image,
    "class": _class,
}
PREDICTION_FEATURES: Final = tuple(_MAKERS)
