"""Recall at an operating point, image by image, so that it can be resampled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling, Units
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.precision_recall import rows_of_class


def found_boxes(matches: Matches, category: int, score_threshold: float) -> NDArray[np.int64]:
    """Rows of a class's ground truth that a detection with score > threshold finds at IoU ≥ 0.5.

    Better detections are matched first, so what the threshold cuts off changes no other match.
    """
    rows = rows_of_class(matches, category)
    over = matches.hits()[rows] & (matches.candidates.score[rows] > score_threshold)
    objects: NDArray[np.int64] = matches.gt[0, rows[over]].astype(np.int64)
    return objects


def boxes_of_class(matches: Matches, category: int) -> NDArray[np.int64]:
    """Rows of a class's ground truth that has to be found."""
    columns = matches.candidates.columns
    return np.flatnonzero((columns.gt_category == category) & ~matches.gt_ignored)


def counts_by_unit(image: NDArray[np.int64], units: Units) -> NDArray[np.int64]:
    """Return how many things each unit holds, (units,), from the image row of each thing."""
    return np.bincount(units.of_image[image], minlength=units.count)


def share_replicates(
    part: NDArray[np.int64], whole: NDArray[np.int64], resampling: Resampling
) -> NDArray[np.float64]:
    """Return part ÷ whole in every draw, (B,), from both in each unit; NaN where nothing of the
    whole was drawn."""
    shares = []
    for weights in resampling.weights():
        total = weights @ whole
        shares.append(
            np.divide(weights @ part, total, out=np.full(len(total), np.nan), where=total > 0)
        )
    return np.concatenate(shares)


def share_figure(
    part: NDArray[np.int64], whole: NDArray[np.int64]
) -> Callable[[Intervals], Interval]:
    """Return a function that gives the interval of part ÷ whole, from the image rows of the things
    of each."""

    def of_share(intervals: Intervals) -> Interval:
        units = intervals.resampling.units
        some, every = counts_by_unit(part, units), counts_by_unit(whole, units)
        return intervals.of_share(some, every, partial(share_replicates, some, every))

    return of_share


def scores_of_found(matches: Matches, category: int) -> NDArray[np.float64]:
    """(n,) scores of the detections that find a box of a class at IoU ≥ 0.5, best first."""
    rows = rows_of_class(matches, category)
    return matches.candidates.score[rows[matches.hits()[rows]]]


def scores_of_false(matches: Matches, category: int) -> NDArray[np.float64]:
    """(n,) scores of the detections of a class that match no box at IoU ≥ 0.5, best first."""
    rows = rows_of_class(matches, category)
    return matches.candidates.score[rows[matches.false()[rows]]]
