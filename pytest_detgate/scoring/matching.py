"""One-to-one matches of detections with ground truth, as arrays.

The matching is pycocotools' (`COCOeval.evaluateImg`): within an image and class, detections in
order of score each take the free ground-truth box that they overlap most, at every IoU threshold
on its own; crowd regions and boxes outside of the area range are ignored, and with them all that
they match. Every statement on single detections (bootstrap, error kinds, false boxes,
recall at an operating point) comes from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.score_card import IOU_THRESHOLDS, Area

UNMATCHED = -1
AREAS: dict[Area, tuple[float, float]] = {
    "all": (-math.inf, math.inf),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, geometry.MAX_AREA),
}
"""Area ranges in square pixels, both ends included, as COCO has them; but all is all, where COCO
leaves out boxes over `MAX_AREA`, so that no box is free of charge."""

_PAIRS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What can be matched at all, in any area range.

    `detection` (N,) rows of the columns' detections, sorted by class, then by score, best first;
    ties are as pycocotools has them. Class k is `detection[first[k]:first[k + 1]]`.
    `rank` (N,) is the place of a detection among those of its image and class, 0 the best, and
    `image_rank` (N,) that among all detections of its image.
    Pairs of a detection (its place in `detection`) and a ground-truth box (a row of the columns)
    are those of one image and class with an IoU of at least the least threshold.
    """

    columns: Columns
    thresholds: NDArray[np.float64]
    detection: NDArray[np.int64]
    first: NDArray[np.int64]
    rank: NDArray[np.int64]
    image_rank: NDArray[np.int64]
    pair_detection: NDArray[np.int64]
    pair_gt: NDArray[np.int64]
    pair_iou: NDArray[np.float64]

    @property
    def image(self) -> NDArray[np.int64]:
        """(N,) image row of each detection."""
        return self.columns.dt_image[self.detection]

    @property
    def score(self) -> NDArray[np.float64]:
        """(N,) score of each detection."""
        return self.columns.dt_score[self.detection]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What each detection of `candidates` matched, for one area range.

    `gt` (T, N) is the matched row of the columns' ground truth, `UNMATCHED` where there is none.
    `ignored` (T, N) marks detections that count neither as true nor as false, `gt_ignored` (G,)
    boxes that need not be found.
    """

    candidates: Candidates
    gt: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    gt_ignored: NDArray[np.bool_]

    def hits(self, threshold: int = 0) -> NDArray[np.bool_]:
        """(N,) true positives at one of the IoU thresholds, by its number."""
        is_found: NDArray[np.bool_] = (self.gt[threshold] != UNMATCHED) & ~self.ignored[threshold]
        return is_found

    def false(self, threshold: int = 0) -> NDArray[np.bool_]:
        """(N,) false positives at one of the IoU thresholds, by its number."""
        wrong: NDArray[np.bool_] = (self.gt[threshold] == UNMATCHED) & ~self.ignored[threshold]
        return wrong


def candidates_of(
    columns: Columns, *, thresholds: NDArray[np.float64] = IOU_THRESHOLDS
) -> Candidates:
    """Sort all detections and find the pairs that overlap enough to match.

    AP looks at the best detections of each image and class only. They are those of the lowest
    `rank`, and match what they would match if there were no others.
    """
    order = np.lexsort((-columns.dt_score, columns.image_order[columns.dt_image]))
    image_rank = _place_in_group(columns.dt_image[order])
    by_class = np.argsort(columns.dt_category[order], kind="stable")
    order, image_rank = order[by_class], image_rank[by_class]
    rank = _place_in_group(columns.dt_category[order] * columns.n_images + columns.dt_image[order])
    by_score = np.lexsort((-columns.dt_score[order], columns.dt_category[order]))
    detection = order[by_score]
    classes = np.arange(len(columns.classes) + 1)
    pair_detection, pair_gt, pair_iou = overlapping(
        columns,
        detection,
        float(thresholds.min()),
        columns.dt_category[detection] * columns.n_images + columns.dt_image[detection],
        columns.gt_category * columns.n_images + columns.gt_image,
    )
    return Candidates(
        columns=columns,
        thresholds=thresholds,
        detection=detection,
        first=np.searchsorted(columns.dt_category[detection], classes),
        rank=rank[by_score],
        image_rank=image_rank[by_score],
        pair_detection=pair_detection,
        pair_gt=pair_gt,
        pair_iou=pair_iou,
    )


def match(candidates: Candidates, area: Area = "all") -> Matches:
    """Match detections with ground truth in one of the `AREAS`."""
    columns = candidates.columns
    low, high = AREAS[area]
    gt_ignored = columns.gt_crowd | (columns.gt_area < low) | (columns.gt_area > high)
    gt = _greedy(candidates, gt_ignored)
    dt_area = geometry.area(columns.dt_xywh)[candidates.detection]
    outside = (dt_area < low) | (dt_area > high)
    unmatched = gt == UNMATCHED
    ignored = (
        np.where(unmatched, outside, gt_ignored[gt]) if len(gt_ignored) else (unmatched & outside)
    )
    return Matches(candidates, gt, ignored, gt_ignored)


def overlapping(
    columns: Columns,
    detection: NDArray[np.int64],
    least: float,
    key: NDArray[np.int64],
    gt_key: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find the pairs of one key with an IoU of at least `least`, which is over 0.

    `detection` (N,) are rows of the columns' detections, `key` (N,) and `gt_key` (G,) say what
    may be paired; no box has the key −1. Gives for each pair a place in `detection`, a row of the
    ground truth and the IoU, by place in `detection`, then by row.
    """
    pieces = list(_pieces(columns, detection, least, key, gt_key))
    return (
        np.concatenate([piece[0] for piece in pieces]),
        np.concatenate([piece[1] for piece in pieces]),
        np.concatenate([piece[2] for piece in pieces]),
    )


def _place_in_group(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the place of each row among the neighbours that share its group, from 0."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    position: NDArray[np.int64] = np.arange(len(group)) - np.repeat(
        starts, np.diff(starts, append=len(group))
    )
    return position


def _pieces(
    columns: Columns,
    detection: NDArray[np.int64],
    least: float,
    key: NDArray[np.int64],
    gt_key: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    by_key = np.argsort(gt_key, kind="stable")
    sorted_key = gt_key[by_key]
    first = np.searchsorted(sorted_key, key, side="left")
    count = np.searchsorted(sorted_key, key, side="right") - first
    total = np.cumsum(count)
    offset = first - (total - count)
    spans = [
        (xywh[:, side], xywh[:, side] + xywh[:, side + 2])
        for xywh in (columns.dt_xywh[detection], columns.gt_xywh[by_key])
        for side in (0, 1)
    ]
    # At least one piece, so that there is always something to concatenate.
    start = 0
    while True:
        done = total[start - 1] if start else 0
        end = max(int(np.searchsorted(total, done + _PAIRS_AT_ONCE, side="right")), start + 1)
        end = min(end, len(key))
        position = np.repeat(np.arange(start, end), count[start:end])
        target = np.arange(len(position)) + done + np.repeat(offset[start:end], count[start:end])
        # Of the boxes of an image few touch: most pairs are out before an area is computed.
        for (low, high), (gt_low, gt_high) in zip(spans[:2], spans[2:], strict=True):
            touch = (low[position] < gt_high[target]) & (gt_low[target] < high[position])
            position, target = position[touch], target[touch]
        gt = by_key[target]
        overlap = _paired_iou(columns, detection[position], gt)
        enough = overlap >= least
        yield position[enough], gt[enough], overlap[enough]
        start = end
        if start >= len(key):
            return


def _paired_iou(
    columns: Columns, detection: NDArray[np.int64], gt: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(P,) IoU of each pair; of a crowd region the share of the detection that is in it."""
    detected, truth = columns.dt_xywh[detection], columns.gt_xywh[gt]
    shared = geometry.paired_intersection(detected, truth)
    own = geometry.area(detected)
    union = np.where(columns.gt_crowd[gt], own, own + geometry.area(truth) - shared)
    return geometry.share_of(shared, union)


def _greedy(candidates: Candidates, gt_ignored: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(T, N) the ground truth that each detection takes.

    Detections of different images or classes never compete, so the best candidate of every image
    and class is matched at once, then the second best of each, and so on.
    """
    columns = candidates.columns
    thresholds = candidates.thresholds
    taken = np.full((len(thresholds), len(candidates.detection)), UNMATCHED, dtype=np.int32)
    n_round, order = _rounds(candidates, gt_ignored)
    detection = candidates.pair_detection[order]
    gt = candidates.pair_gt[order]
    iou = candidates.pair_iou[order]
    crowd = columns.gt_crowd[gt]
    free = np.ones((len(thresholds), len(gt_ignored)), dtype=np.bool_)
    ends = np.cumsum(n_round)
    for start, end in zip(ends - n_round, ends, strict=True):
        rows = slice(start, end)
        possible = (iou[rows] >= thresholds[:, None]) & (free[:, gt[rows]] | crowd[rows])
        starts = np.flatnonzero(np.diff(detection[rows], prepend=-1))
        # Within a detection the pairs are ordered from worst to best: the last possible one wins.
        position = np.where(possible, np.arange(start, end), -1)
        best = np.maximum.reduceat(position, starts, axis=1)
        threshold, which = np.nonzero(best >= 0)
        pair = best[threshold, which]
        taken[threshold, detection[pair]] = gt[pair]
        free[threshold, gt[pair]] = False
    return taken


def _rounds(
    candidates: Candidates, gt_ignored: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order the pairs by round, detection and preference; (rounds,) pairs of each round.

    What need not be found is the last resort; among the rest the higher IoU wins, among equals
    the later box.
    """
    columns = candidates.columns
    detection = candidates.pair_detection
    order = np.lexsort((candidates.pair_gt, candidates.pair_iou, ~gt_ignored[candidates.pair_gt]))
    order = order[np.argsort(detection[order], kind="stable")]
    competing = np.unique(detection)
    row = candidates.detection[competing]
    group = columns.dt_category[row] * columns.n_images + columns.dt_image[row]
    by_group = np.lexsort((candidates.rank[competing], group))
    starts = np.flatnonzero(np.diff(group[by_group], prepend=-1))
    turn = np.empty(len(competing), dtype=np.int64)
    turn[by_group] = np.arange(len(competing)) - np.repeat(
        starts, np.diff(starts, append=len(competing))
    )
    turn_of_pair = turn[np.searchsorted(competing, detection[order])]
    order = order[np.argsort(turn_of_pair, kind="stable")]
    return np.bincount(turn_of_pair), order
