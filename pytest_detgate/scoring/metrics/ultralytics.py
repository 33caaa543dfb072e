"""mAP, P, R and F1 as Ultralytics' validator prints them.

- Precision over recall is a step function: between two recalls that are reached it is the highest
  precision at the higher one or beyond, and 1 at recall 0 where the best detection is true. AP is
  its integral by trapezoids over 101 points, at which the step belongs to the next recall. So the
  value at recall 1 is always 0, and a flawless detector has 0.995, not 1.
- P, R and F1 of a class are at one score for all classes: the one of 1000 from 0 to 1 where F1,
  averaged over the classes and then over 101 neighbouring scores, is highest. Between the scores
  of two detections precision and recall are read from straight lines.
- Means are over the classes with ground truth. A class without detections has 0 everywhere.

Everything is computed for units (images, clips) that count several times or not at all, so that
it can be bootstrapped: nothing is matched again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.bounds.exact_limits import Seen, seen
from pytest_detgate.scoring.bounds.resampling import Resampling
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.precision_recall import RECALL_POINTS, rows_of_class
from pytest_detgate.scoring.metrics.ultralytics_matching import definition_of, ultralytics_matches
from pytest_detgate.scoring.score_card import IOU_THRESHOLDS

UltralyticsMetric = Literal["mAP50-95", "mAP50", "mAP75", "P", "R", "F1"]
METRICS: tuple[UltralyticsMetric, ...] = get_args(UltralyticsMetric)
SCORES = np.linspace(0.0, 1.0, 1000)
_NEIGHBOURS = 101
_AS_ZERO = 1e-16
_STEP = 1 / (len(RECALL_POINTS) - 1)
_ELEMENTS_AT_ONCE = 1 << 19

_IOU_ROWS: dict[str, slice] = {"mAP50-95": slice(None), "mAP50": slice(0, 1), "mAP75": slice(5, 6)}


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """One class: of its detections, best first, the `score` (n,), the `unit` (n,) and whether they
    are true (T, n); the `gt_unit` (G,) of its ground truth; and whether that is found (T, G)."""

    score: NDArray[np.float64]
    unit: NDArray[np.int64]
    true: NDArray[np.bool_]
    gt_unit: NDArray[np.int64]
    is_found: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ByScore:
    """Precision, recall and F1 (K, 1000) of K classes with detections above each of `SCORES`, NaN
    for a class without ground truth, and the index of the `best` score."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    best: int

    def at_best(self, metric: UltralyticsMetric) -> NDArray[np.float64]:
        """(K,) P, R or F1 at the best score."""
        curves = {"P": self.precision, "R": self.recall, "F1": self.f1}[metric]
        values: NDArray[np.float64] = curves[:, self.best]
        return values


class UltralyticsScores:
    """Ultralytics' numbers of a split, `protocol` names their definition."""

    def __init__(self, matches: Matches, protocol: str, *, ends_in_line: bool) -> None:
        self.protocol = protocol
        columns = matches.candidates.columns
        self.names = columns.classes
        self.boxes = columns.boxes_of_classes()
        everything = np.arange(columns.n_images)
        self._ends_in_line = ends_in_line
        self._matches = matches
        self._classes = _classes(matches, everything)
        self._once = np.ones((1, columns.n_images), dtype=np.int32)

    @cached_property
    def ap(self) -> NDArray[np.float64]:
        """(K, T) AP of each class at each IoU threshold; NaN without ground truth."""
        of_draws = _ap(self._classes, self._once, ends_in_line=self._ends_in_line)
        only: NDArray[np.float64] = of_draws[0]
        return only

    @cached_property
    def by_score(self) -> ByScore:
        """Precision, recall and F1 by score."""
        return _by_score(self._classes, self._once[0])

    @property
    def best_score(self) -> float:
        """The score of best F1."""
        return float(SCORES[self.by_score.best])

    def value(self, metric: UltralyticsMetric, category: int | None = None) -> float | None:
        """A number of one class or, without one, of all in the mean; None without ground truth."""
        if metric in _IOU_ROWS:
            values = self.ap[:, _IOU_ROWS[metric]].mean(axis=1)
        else:
            values = self.by_score.at_best(metric)
        value = _mean(values) if category is None else values[category]
        return None if np.isnan(value) else float(value)

    def replicates(self, resampling: Resampling) -> UltralyticsReplicates:
        """The same numbers in every draw of a bootstrap."""
        classes = _classes(self._matches, resampling.units.of_image)
        return UltralyticsReplicates(classes, resampling, ends_in_line=self._ends_in_line)


class UltralyticsReplicates:
    """Ultralytics' numbers in each of B draws."""

    def __init__(
        self, classes: list[_Class], resampling: Resampling, *, ends_in_line: bool
    ) -> None:
        self.resampling = resampling
        self._classes = classes
        self._ends_in_line = ends_in_line

    def values_of(
        self, metric: UltralyticsMetric, category: int | None = None
    ) -> NDArray[np.float64]:
        """(B,) a number of a class, or of all in the mean; NaN where no ground truth was drawn."""
        if metric in _IOU_ROWS:
            values = self._ap[:, :, _IOU_ROWS[metric]].mean(axis=2)
        else:
            values = self._at_best[:, :, METRICS.index(metric) - METRICS.index("P")]
        if category is not None:
            of_class: NDArray[np.float64] = values[:, category]
            return of_class
        return np.array([_mean(row) for row in values])

    def seen(self, metric: UltralyticsMetric, category: int | None = None) -> Seen:
        """What a number is computed from: the recall that is reached at its IoU thresholds."""
        classes = range(len(self._classes)) if category is None else [category]
        rows = _IOU_ROWS.get(metric, slice(0, 1))
        shares = [self._classes[number].is_found[rows].mean(axis=0) for number in classes]
        of_class = [
            np.full(len(part), number) for number, part in zip(classes, shares, strict=True)
        ]
        unit = [self._classes[number].gt_unit for number in classes]
        return seen(np.concatenate(shares), np.concatenate(of_class), np.concatenate(unit))

    @cached_property
    def _ap(self) -> NDArray[np.float64]:
        """(B, K, T) AP."""
        blocks = [
            _ap(self._classes, weights, ends_in_line=self._ends_in_line)
            for weights in self.resampling.weights()
        ]
        return np.concatenate(blocks)

    @cached_property
    def _at_best(self) -> NDArray[np.float64]:
        """(B, K, 3) P, R and F1 at the best score of each draw."""
        rows = [
            _by_score(self._classes, weights)
            for block in self.resampling.weights()
            for weights in block
        ]
        return np.array([[row.at_best(m) for m in ("P", "R", "F1")] for row in rows]).swapaxes(1, 2)


def ultralytics_scores(
    dataset: Dataset, detections: DetectionTable, version: str | None = None
) -> UltralyticsScores:
    """Score detections as a release of Ultralytics does, `8.3.40`, or as the newest does. Classes
    are matched by name."""
    definition = definition_of(version)
    matches = ultralytics_matches(columns_of(dataset, detections), definition)
    return UltralyticsScores(matches, definition.protocol, ends_in_line=definition.ends_in_line)


def _classes(matches: Matches, unit_of_image: NDArray[np.int64]) -> list[_Class]:
    """The classes of the images that have a unit."""
    candidates, columns = matches.candidates, matches.candidates.columns
    gt_unit = unit_of_image[columns.gt_image]
    is_found = np.zeros((len(matches.gt), len(columns.gt_row)), dtype=np.bool_)
    for threshold, gt in enumerate(matches.gt):
        is_found[threshold, gt[gt >= 0]] = True
    made = []
    for category in range(len(columns.classes)):
        rows = rows_of_class(matches, category, unit_of_image >= 0)
        boxes = np.flatnonzero((columns.gt_category == category) & (gt_unit >= 0))
        made.append(
            _Class(
                score=candidates.score[rows],
                unit=unit_of_image[candidates.image[rows]],
                true=matches.gt[:, rows] >= 0,
                gt_unit=gt_unit[boxes],
                is_found=is_found[:, boxes],
            )
        )
    return made


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan


def _ap(
    classes: list[_Class], weights: NDArray[np.int32], *, ends_in_line: bool
) -> NDArray[np.float64]:
    """(B, K, T) AP where each unit counts as often as `weights` (B, units) says."""
    ap = np.full((len(weights), len(classes), len(IOU_THRESHOLDS)), np.nan)
    for category, own in enumerate(classes):
        step = max(1, _ELEMENTS_AT_ONCE // max(len(own.unit), 1))
        for first in range(0, len(weights), step):
            some = slice(first, first + step)
            _ap_of_class(own, weights[some], ap[some, category], ends_in_line=ends_in_line)
    return ap


def _ap_of_class(
    own: _Class, weights: NDArray[np.int32], ap: NDArray[np.float64], *, ends_in_line: bool
) -> None:
    """Fill `ap` (B, T)."""
    boxes = weights[:, own.gt_unit].sum(axis=1)
    drawn = boxes > 0
    ap[drawn] = 0.0
    if not len(own.unit):
        return
    weight = weights[:, own.unit]
    counted = np.cumsum(weight, axis=1, dtype=np.int64)
    for threshold, is_true in enumerate(own.true):
        positions = np.flatnonzero(is_true)
        if not len(positions):
            continue
        true = np.cumsum(weight[:, positions], axis=1, dtype=np.int64)
        precision = true / np.maximum(counted[:, positions], 1)
        highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = true / np.maximum(boxes, 1)[:, None]
        # Recall points below each recall: up to there the step holds.
        below = np.searchsorted(RECALL_POINTS, recall, side="left")
        gained = np.diff(below, axis=1, prepend=0)
        area = (highest * gained).sum(axis=1) - highest[:, 0] / 2
        if ends_in_line:
            area += _line_to_the_end(recall[:, -1], below[:, -1], true[:, -1], counted[:, -1])
        ap[drawn, threshold] = area[drawn] * _STEP


def _line_to_the_end(
    recall: NDArray[np.float64],
    below: NDArray[np.int64],
    true: NDArray[np.int64],
    counted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(B,) the sum of precision at the points from the highest recall on, where it falls from the
    precision of all detections to 0 at recall 1."""
    left = np.append(np.cumsum((1 - RECALL_POINTS)[::-1])[::-1], 0.0)[below]
    room = np.where(recall < 1, 1 - recall, 1.0)
    return np.where(true > 0, true / np.maximum(counted, 1) * left / room, 0.0)


def _by_score(classes: list[_Class], weights: NDArray[np.int32]) -> ByScore:
    """Precision, recall and F1 where each unit counts as often as `weights` (units,) says."""
    precision, recall, f1 = (np.full((len(classes), len(SCORES)), np.nan) for _ in range(3))
    for category, own in enumerate(classes):
        boxes = int(weights[own.gt_unit].sum())
        if not boxes:
            continue
        precision[category] = recall[category] = f1[category] = 0.0
        rows = np.repeat(np.arange(len(own.unit)), weights[own.unit])
        if not len(rows):
            continue
        true = np.cumsum(own.true[0, rows])
        # np.interp asks for rising scores, so both axes are turned round.
        falling = -own.score[rows]
        p = np.interp(-SCORES, falling, true / np.arange(1, len(rows) + 1), left=1)
        r = np.interp(-SCORES, falling, true / boxes, left=0)
        precision[category], recall[category] = p, r
        f1[category] = 2 * p * r / (p + r + _AS_ZERO)
    judged = f1[~np.isnan(f1[:, 0])]
    best = int(_smoothed(judged.mean(axis=0)).argmax()) if len(judged) else 0
    return ByScore(precision, recall, f1, best)


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the mean of each value and its neighbours; beyond the ends are their values."""
    reach = _NEIGHBOURS // 2
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, np.full(_NEIGHBOURS, 1 / _NEIGHBOURS), mode="valid")
