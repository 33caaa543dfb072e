"""AP and AR of every class in every replicate of a bootstrap.

Nothing is matched again: a unit that is drawn twice counts all its matches twice. That gives the
very metrics of a file in which the unit occurs twice (except for detections of one image with one
score, whose order is arbitrary anyway).

Of a class with n detections, of which h are true at one of T thresholds, a replicate costs one
pass over n and T passes over h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.exact_limits import Seen, seen
from pytest_detgate.scoring.bounds.resampling import Resampling
from pytest_detgate.scoring.matching import UNMATCHED, Matches
from pytest_detgate.scoring.metrics.precision_recall import RECALL_POINTS, rows_of_class
from pytest_detgate.scoring.score_card import (
    MAX_DETECTIONS,
    Metric,
    ar_limit,
    limits_of,
    threshold_number,
)

_ELEMENTS_AT_ONCE = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Metrics by replicate B, class K, IoU threshold T and limit on detections M (`limits_of`).

    `ap` (B, K, T) and `recall` (B, K, T, M) as `ScoreCard` has them; NaN where no ground truth of
    the class was drawn.

    `is_found` (M, T, G) says of the G boxes that are to be found which ones are, `category` and
    `unit` (G,) are their class and the unit that they are drawn with.
    """

    ap: NDArray[np.float64]
    recall: NDArray[np.float64]
    resampling: Resampling
    is_found: NDArray[np.bool_]
    category: NDArray[np.int64]
    unit: NDArray[np.int64]

    def values_of(self, metric: Metric, category: int | None = None) -> NDArray[np.float64]:
        """(B,) one of COCO's metrics in every replicate, of one class or of all that have ground
        truth in it."""
        classes = slice(None) if category is None else slice(category, category + 1)
        if metric.startswith("AR"):
            values = self.recall[:, classes, :, ar_limit(metric)].mean(axis=2)
        elif metric == "AP":
            values = self.ap[:, classes].mean(axis=2)
        else:
            values = self.ap[:, classes, threshold_number(int(metric[2:]) / 100)]
        return mean_of_defined(values) if category is None else values[:, 0]

    def seen(self, metric: Metric, category: int | None = None) -> Seen:
        """What one of the metrics is computed from: the recall that is reached by the detections
        that it looks at, at its IoU thresholds; AP is at most that."""
        rows = slice(None) if category is None else np.flatnonzero(self.category == category)
        if metric.startswith("AR"):
            is_found = self.is_found[ar_limit(metric)]
        elif metric == "AP":
            is_found = self.is_found[-1]
        else:
            number = threshold_number(int(metric[2:]) / 100)
            is_found = self.is_found[-1, number : number + 1]
        return seen(is_found[:, rows].mean(axis=0), self.category[rows], self.unit[rows])


def mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) mean over the classes of (B, K) that are defined; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=1)
    total = np.where(defined, values, 0.0).sum(axis=1)
    mean: NDArray[np.float64] = np.divide(
        total, count, out=np.full(len(values), np.nan), where=count > 0
    )
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """What a replicate of one class needs.

    `unit` (n,) of the detections that count at any threshold, best first; `gt_unit` (G,) of its
    ground truth. For each threshold: the places of true positives, those of them within each
    limit, and the places of detections that are ignored at this threshold only.
    """

    unit: NDArray[np.int64]
    gt_unit: NDArray[np.int64]
    hits: list[NDArray[np.int64]]
    within: list[list[NDArray[np.int64]]]
    ignored: list[NDArray[np.int64]]


def bootstrap(
    matches: Matches,
    resampling: Resampling,
    advance: Callable[[int], None] | None = None,
    max_detections: int = MAX_DETECTIONS,
) -> Replicates:
    """Compute the metrics of every replicate, of the images that have a unit; `advance` hears how
    many replicates are done. AP looks at the `max_detections` best of each image and class."""
    limits = limits_of(max_detections)
    classes = [
        _class(matches, category, resampling.units.of_image, limits)
        for category in range(len(matches.candidates.columns.classes))
    ]
    shape = (resampling.replicates, len(classes), len(matches.gt))
    ap = np.full(shape, np.nan)
    recall = np.full((*shape, len(limits)), np.nan)
    start = 0
    for weights in resampling.weights():
        for category, matches_of_class in enumerate(classes):
            if len(matches_of_class.gt_unit):
                step = max(1, _ELEMENTS_AT_ONCE // max(len(matches_of_class.unit), 1))
                for first in range(0, len(weights), step):
                    some = weights[first : first + step]
                    draws = slice(start + first, start + first + len(some))
                    _replicate(matches_of_class, some, ap[draws, category], recall[draws, category])
        start += len(weights)
        if advance is not None:
            advance(len(weights))
    columns, units = matches.candidates.columns, resampling.units
    unit = units.of_image[columns.gt_image]
    to_find = np.flatnonzero(~matches.gt_ignored & (unit >= 0))
    return Replicates(
        ap=ap,
        recall=recall,
        resampling=resampling,
        is_found=_is_found(matches, limits)[:, :, to_find],
        category=columns.gt_category[to_find],
        unit=unit[to_find],
    )


def _is_found(matches: Matches, limits: tuple[int, ...]) -> NDArray[np.bool_]:
    """(M, T, G) the boxes that the best detections of their image and class find."""
    is_found = np.zeros((len(limits), len(matches.gt), len(matches.gt_ignored)), dtype=np.bool_)
    for threshold in range(len(matches.gt)):
        hits = np.flatnonzero(matches.hits(threshold))
        for limit, most in enumerate(limits):
            within = hits[matches.candidates.rank[hits] < most]
            is_found[limit, threshold, matches.gt[threshold, within]] = True
    return is_found


def _class(
    matches: Matches, category: int, unit_of_image: NDArray[np.int64], limits: tuple[int, ...]
) -> _Class:
    columns = matches.candidates.columns
    rows = rows_of_class(matches, category, unit_of_image >= 0)
    rows = rows[matches.candidates.rank[rows] < limits[-1]]
    rows = rows[~matches.ignored[:, rows].all(axis=0)]
    rank = matches.candidates.rank[rows]
    ignored = matches.ignored[:, rows]
    hit = (matches.gt[:, rows] != UNMATCHED) & ~ignored
    hits = [np.flatnonzero(row) for row in hit]
    drawn = unit_of_image[columns.gt_image] >= 0
    to_find = (columns.gt_category == category) & ~matches.gt_ignored & drawn
    return _Class(
        unit=unit_of_image[matches.candidates.image[rows]],
        gt_unit=unit_of_image[columns.gt_image[to_find]],
        hits=hits,
        within=[
            [np.flatnonzero(rank[hits_of_threshold] < most) for most in limits]
            for hits_of_threshold in hits
        ],
        ignored=[np.flatnonzero(row) for row in ignored],
    )


def _replicate(
    matches_of_class: _Class,
    weights: NDArray[np.int32],
    ap: NDArray[np.float64],
    recall: NDArray[np.float64],
) -> None:
    """Fill `ap` (B, T) and `recall` (B, T, M) of one class from weights (B, units)."""
    boxes = np.take(weights, matches_of_class.gt_unit, axis=1).sum(axis=1)
    drawn = boxes > 0
    per_box = np.divide(1.0, boxes, out=np.full(len(boxes), np.nan), where=drawn)
    reached, row = _recall_points_reached(boxes)
    weight = np.take(weights, matches_of_class.unit, axis=1)
    counted = np.cumsum(weight, axis=1, dtype=np.int32)
    for threshold, hits in enumerate(matches_of_class.hits):
        if not len(hits):
            recall[:, threshold] = np.where(drawn, 0.0, np.nan)[:, None]
            ap[:, threshold] = np.where(drawn, 0.0, np.nan)
            continue
        weight_of_hits = np.take(weight, hits, axis=1)
        true = np.cumsum(weight_of_hits, axis=1, dtype=np.int32)
        for limit, within in enumerate(matches_of_class.within[threshold]):
            all_hits = len(within) == len(hits)
            part = true[:, -1] if all_hits else weight_of_hits[:, within].sum(axis=1)
            recall[:, threshold, limit] = part * per_box
        total = np.take(counted, hits, axis=1)
        ignored = matches_of_class.ignored[threshold]
        if len(ignored):
            before = np.cumsum(np.take(weight, ignored, axis=1), axis=1, dtype=np.int32)
            before = np.concatenate([np.zeros((len(before), 1), np.int32), before], axis=1)
            total -= np.take(before, np.searchsorted(ignored, hits), axis=1)
        precision = true / np.maximum(total, 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        points = reached[row, true]
        gained = np.diff(points, axis=1, prepend=0)
        ap[:, threshold] = np.einsum("bn,bn->b", envelope, gained) / len(RECALL_POINTS)
        ap[~drawn, threshold] = np.nan


def _recall_points_reached(
    boxes: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many recall points are reached with so many true positives, (different numbers of boxes,
    most boxes + 1), and the row of each replicate, (B, 1): most have as many boxes as others."""
    numbers, row = np.unique(boxes, return_inverse=True)
    true_positives = np.arange(boxes.max(initial=0) + 1)
    recall = true_positives / np.maximum(numbers, 1)[:, None]
    reached: NDArray[np.int64] = np.searchsorted(RECALL_POINTS, recall, side="right")
    return reached, row.reshape(-1, 1)
