"""Recall at an operating point, image by image, so that it can be resampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.resampling import Resampling
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.precision_recall import rows_of_class


def found_boxes(matches: Matches, category: int, score_threshold: float) -> NDArray[np.int64]:
    """Rows of a class's ground truth that a detection with score > threshold finds at IoU ≥ 0.5.

    Better detections are matched first, so what the threshold cuts off changes no other match.
    """
    rows = rows_of_class(matches, category)
    over = matches.hits()[rows] & (matches.candidates.score[rows] > score_threshold)
    found: NDArray[np.int64] = matches.gt[0, rows[over]].astype(np.int64)
    return found


def boxes_of_class(matches: Matches, category: int) -> NDArray[np.int64]:
    """Rows of a class's ground truth that has to be found."""
    columns = matches.candidates.columns
    return np.flatnonzero((columns.gt_category == category) & ~matches.gt_ignored)


def share_replicates(
    part: NDArray[np.int64], whole: NDArray[np.int64], resampling: Resampling
) -> NDArray[np.float64]:
    """(B,) part ÷ whole in every draw, from the image row of each thing in either; NaN where
    nothing of the whole was drawn."""
    of_image = resampling.units.of_image
    parts = np.bincount(of_image[part], minlength=resampling.units.count)
    wholes = np.bincount(of_image[whole], minlength=resampling.units.count)
    shares = []
    for weights in resampling.weights():
        total = weights @ wholes
        shares.append(
            np.divide(weights @ parts, total, out=np.full(len(total), np.nan), where=total > 0)
        )
    return np.concatenate(shares)


def scores_of_found(matches: Matches, category: int) -> NDArray[np.float64]:
    """(n,) scores of the detections that find a box of a class at IoU ≥ 0.5, best first."""
    rows = rows_of_class(matches, category)
    return matches.candidates.score[rows[matches.hits()[rows]]]


def scores_of_false(matches: Matches, category: int) -> NDArray[np.float64]:
    """(n,) scores of the detections of a class that match no box at IoU ≥ 0.5, best first."""
    rows = rows_of_class(matches, category)
    return matches.candidates.score[rows[matches.false()[rows]]]


def shares_of_first(
    part: NDArray[np.int64],
    whole: NDArray[np.int64],
    counts: NDArray[np.int64],
    resampling: Resampling,
) -> NDArray[np.float64]:
    """(C, B) what `share_replicates` says where only the first so many of `part` are there, for
    each of the counts (C,), in one pass over the draws."""
    of_image, units = resampling.units.of_image, resampling.units.count
    parts = np.stack(
        [np.bincount(of_image[part[:count]], minlength=units) for count in counts.tolist()], axis=1
    ).astype(np.float64)
    wholes = np.bincount(of_image[whole], minlength=units)
    shares = []
    for weights in resampling.weights():
        total = (weights @ wholes)[:, None]
        drawn = weights.astype(np.float64) @ parts
        shares.append(np.divide(drawn, total, out=np.full(drawn.shape, np.nan), where=total > 0))
    by_count: NDArray[np.float64] = np.concatenate(shares).T
    return by_count
