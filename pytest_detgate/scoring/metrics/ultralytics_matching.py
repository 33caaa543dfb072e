"""True and false detections as Ultralytics' validator finds them.

Its releases differ in two points, which `Definition` names. All of them compute IoU in single
precision with 1e-7 added to the union, know no crowd regions (the converter of COCO labels drops
them), and count every detection. Our own implementation from the published definition;
`benchmarks/ultralytics_numbers.py` compares it with the package.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.matching import UNMATCHED, Candidates, Matches, candidates_of, match
from pytest_detgate.scoring.score_card import IOU_THRESHOLDS

_THRESHOLDS = IOU_THRESHOLDS.astype(np.float32).astype(np.float64)
_IN_UNION = np.float32(1e-7)
# Single precision may lift an IoU over the threshold.
_JUST_BELOW = 1e-4

_NEW_CURVE = (8, 4, 37)
_NEW_MATCHING = (8, 4, 176)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a release of Ultralytics computes.

    `takes_next`: a detection whose best box is taken by a better one may take another box; before
    8.4.176 it is then false. `ends_in_line`: precision falls in a straight line from the highest
    recall that is reached to (1, 0); from 8.4.37 on it is 0 there.
    """

    release: str
    takes_next: bool
    ends_in_line: bool

    @property
    def protocol(self) -> str:
        """The protocol as messages name it."""
        return f"Ultralytics {self.release}"


def definition_of(version: str | None) -> Definition:
    """Return the definition of a release such as `8.3.40`; without one that of the newest."""
    if version is None:
        newest = ".".join(map(str, _NEW_MATCHING))
        return Definition(release=f"{newest} or later", takes_next=True, ends_in_line=False)
    numbers = tuple(int(part) for part in version.split("."))
    return Definition(
        release=version,
        takes_next=numbers >= _NEW_MATCHING,
        ends_in_line=numbers < _NEW_CURVE,
    )


def ultralytics_matches(columns: Columns, definition: Definition) -> Matches:
    """Match the detections of a split with its ground truth, crowd regions left out.

    Detections with one score are ordered by image and then as the file has them; the package
    leaves their order open.
    """
    chosen = np.flatnonzero(~columns.gt_crowd)
    if definition.takes_next:
        # Of boxes with the same IoU the package takes the first, and `match` the last.
        chosen = chosen[::-1]
    columns = dataclasses.replace(
        columns,
        gt_row=columns.gt_row[chosen],
        gt_image=columns.gt_image[chosen],
        gt_category=columns.gt_category[chosen],
        gt_xywh=columns.gt_xywh[chosen],
        gt_area=columns.gt_area[chosen],
        gt_crowd=columns.gt_crowd[chosen],
        dt_score=columns.dt_score.astype(np.float32).astype(np.float64),
    )
    candidates = candidates_of(columns, thresholds=_THRESHOLDS - _JUST_BELOW)
    overlap = _iou_in_single_precision(
        columns.gt_xywh[candidates.pair_gt],
        columns.dt_xywh[candidates.detection[candidates.pair_detection]],
    )
    candidates = dataclasses.replace(candidates, thresholds=_THRESHOLDS, pair_iou=overlap)
    return match(candidates) if definition.takes_next else _by_best_box(candidates)


def _iou_in_single_precision(
    truth: NDArray[np.float64], detected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(P,) IoU of each pair of boxes."""
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = (_corners(xywh) for xywh in (truth, detected))
        shared = np.clip(np.minimum(low[1], high[1]) - np.maximum(low[0], high[0]), 0, None)
        intersection = shared[:, 0] * shared[:, 1]
        areas = [np.prod(corners[1] - corners[0], axis=1) for corners in (low, high)]
        union = areas[0] + areas[1] - intersection + _IN_UNION
        return np.asarray(intersection / union, dtype=np.float64)


def _corners(xywh: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(P, 2) the upper left and the lower right corner of each box."""
    return xywh[:, :2].astype(np.float32), (xywh[:, :2] + xywh[:, 2:]).astype(np.float32)


def _by_best_box(candidates: Candidates) -> Matches:
    """Match each detection with the box that it overlaps most; of several detections that choose
    one box the one with the highest score gets it, and the others are false."""
    n_gt, n_detections = len(candidates.columns.gt_row), len(candidates.detection)
    gt: NDArray[np.int32] = np.full((len(_THRESHOLDS), n_detections), UNMATCHED, dtype=np.int32)
    order = np.lexsort((candidates.pair_gt, candidates.pair_iou, candidates.pair_detection))
    detection = candidates.pair_detection[order]
    is_best = np.append(detection[1:] != detection[:-1], True) if len(order) else order
    best = order[is_best]
    rank = candidates.rank[candidates.pair_detection[best]]
    best = best[np.argsort(rank, kind="stable")]
    for number, threshold in enumerate(_THRESHOLDS):
        enough = best[candidates.pair_iou[best] >= threshold]
        _, first = np.unique(candidates.pair_gt[enough], return_index=True)
        taken = enough[first]
        gt[number, candidates.pair_detection[taken]] = candidates.pair_gt[taken]
    return Matches(candidates, gt, np.zeros(gt.shape, np.bool_), np.zeros(n_gt, np.bool_))
