"""What kind of error each false detection and each missed box is, and the AP each kind costs.

The kinds and their costs are those of TIDE (Bolya et al., ECCV 2020) as its program tidecv 1.0.1
computes them, so that the numbers are the ones people know:

- The 100 best detections of an image are looked at, of all classes together (COCO takes 100 of
  each class), unless `[scoring] max-detections` says otherwise, and AP is at IoU 0.5. Its 101
  recall points are i / 100 to the last bit.
- A detection that is not a true positive is, by the first of these that holds:
  `location` where it overlaps a box of its class most with 0.1 ≤ IoU ≤ 0.5;
  `class` where it overlaps a box of another class with IoU ≥ 0.5;
  `duplicate` where it overlaps a box of its class that a better detection took with IoU ≥ 0.5;
  `background` where it overlaps no box with more than IoU 0.1;
  `both` otherwise: wrong class and wrong place.
- A box is a `miss` where nothing took it and no `location` or `class` error is about it.
- The cost of a kind, `dap`, is the AP with all errors of that kind fixed and no other, less the
  AP as it is, and at least 0. To fix is to take the detection away; of all detections that are
  off in location or class about a box that nobody took, the best one counts as having found it
  instead. A miss is fixed by taking the box away.
- Detections that a crowd region explains count for nothing in AP and still have a kind. Where
  errors are fixed, detections of equal score are ordered errors first, then true ones.

It differs from tidecv in one thing: a class without ground truth has no AP and is left out of the
mean, as COCO does it. tidecv takes it for an AP of 0 as long as something is detected of it, so
that a class of which every box is missed would cost nothing once the misses are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.matching import UNMATCHED, Matches, overlapping
from pytest_detgate.scoring.score_card import MAX_DETECTIONS

ErrorKind = Literal["background", "duplicate", "class", "location", "both", "miss"]
KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
MATCH_IOU = 0.5
BACKGROUND_IOU = 0.1

_BACKGROUND, _DUPLICATE, _CLASS, _LOCATION, _BOTH, _MISS = range(len(KINDS))
_RECALL_POINTS = np.arange(101) / 100


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """The errors of a split and what they cost.

    `detection` (E,) rows of the columns' detections that are wrong, by class, then by score, best
    first; `kind` (E,) numbers into `KINDS`; `about` (E,) the row of the columns' ground truth that
    a `location` or `class` error is about, `UNMATCHED` for other kinds. `missed` (M,) rows of the
    ground truth. `count` (6, K) errors by kind and class: of the detection, of the box for
    misses. `ap` (K,) AP at IoU 0.5 of each class and `fixed_ap` (6, K) with one kind fixed, from
    0 to 1; NaN where a class has no ground truth, or none is left. `uncounted` detections are not
    among the best of their image.
    """

    columns: Columns
    detection: NDArray[np.int64]
    kind: NDArray[np.int64]
    about: NDArray[np.int64]
    missed: NDArray[np.int64]
    count: NDArray[np.int64]
    ap: NDArray[np.float64]
    fixed_ap: NDArray[np.float64]
    uncounted: int = 0

    def of_kind(self, kind: ErrorKind) -> NDArray[np.int64]:
        """Places of the errors of a kind other than `miss` in `detection`."""
        return np.flatnonzero(self.kind == KINDS.index(kind))

    def total(self, kind: ErrorKind) -> int:
        """How many errors of a kind there are."""
        return int(self.count[KINDS.index(kind)].sum())

    def dap(self, kind: ErrorKind) -> float | None:
        """AP that a kind costs in the mean over classes; None where no ground truth would be
        left."""
        before, after = self.ap, self.fixed_ap[KINDS.index(kind)]
        if np.isnan(before).all() or np.isnan(after).all():
            return None
        return max(float(np.nanmean(after) - np.nanmean(before)), 0.0)

    def class_dap(self, kind: ErrorKind) -> NDArray[np.float64]:
        """(K,) AP that a kind costs each class; NaN where it is not defined."""
        gain: NDArray[np.float64] = np.maximum(self.fixed_ap[KINDS.index(kind)] - self.ap, 0.0)
        return gain


def errors_of(matches: Matches, max_detections: int = MAX_DETECTIONS) -> Errors:
    """Sort the errors by kind, of the `max_detections` best detections of each image; the first
    IoU threshold of the matches must be 0.5."""
    candidates, columns = matches.candidates, matches.candidates.columns
    assert candidates.thresholds[0] == MATCH_IOU
    chosen = np.flatnonzero(candidates.image_rank < max_detections)
    hit = matches.hits()[chosen]
    wrong = np.flatnonzero(~hit)
    taken = np.zeros(len(columns.gt_row), dtype=np.bool_)
    taken[matches.gt[0, chosen[hit]]] = True
    rank = candidates.image_rank[chosen]

    kind, about = _kinds(matches, candidates.detection[chosen[wrong]], taken)
    mended_by = _best_about(rank[wrong], about, taken)
    reached = np.zeros(len(taken), dtype=np.bool_)
    reached[about[about != UNMATCHED]] = True
    missed = np.flatnonzero(~matches.gt_ignored & ~taken & ~reached)

    n_classes = len(columns.classes)
    detection = candidates.detection[chosen]
    category = columns.dt_category[detection]
    count = np.bincount(
        kind * n_classes + category[wrong], minlength=len(KINDS) * n_classes
    ).reshape(len(KINDS), n_classes)
    count[_MISS] = np.bincount(columns.gt_category[missed], minlength=n_classes)

    boxes = np.bincount(columns.gt_category[~matches.gt_ignored], minlength=n_classes)
    line = _Line(
        category=category,
        score=columns.dt_score[detection],
        turn=columns.image_order[columns.dt_image[detection]] * max_detections + rank,
        first=np.searchsorted(category, np.arange(n_classes + 1)),
    )
    true = np.flatnonzero(hit)
    false = wrong[~matches.ignored[0, chosen[wrong]]]
    kind_of_false = kind[~matches.ignored[0, chosen[wrong]]]
    last = line.behind_equals()[true]
    fixed_ap = np.empty((len(KINDS), n_classes))
    for number in range(len(KINDS)):
        left = false[kind_of_false != number]
        positions, classes = last, category[true]
        if number in (_LOCATION, _CLASS):
            is_fixed = (kind == number) & mended_by
            now = columns.gt_category[about[is_fixed]]
            positions = np.concatenate([positions, line.position_of(wrong[is_fixed], now)])
            classes = np.concatenate([classes, now])
        to_find = boxes - count[_MISS] if number == _MISS else boxes
        fixed_ap[number] = _average_precision(line, left, positions, classes, to_find)
    return Errors(
        columns=columns,
        detection=detection[wrong],
        kind=kind,
        about=about,
        missed=missed,
        count=count,
        ap=_average_precision(line, false, true, category[true], boxes),
        fixed_ap=fixed_ap,
        uncounted=len(candidates.detection) - len(chosen),
    )


def _kinds(
    matches: Matches, detection: NDArray[np.int64], taken: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(E,) the kind of each wrong detection, and the box it is about."""
    columns = matches.candidates.columns
    pair, gt, iou = overlapping(
        columns,
        detection,
        BACKGROUND_IOU,
        columns.dt_image[detection],
        np.where(matches.gt_ignored, -1, columns.gt_image),
    )
    same = columns.dt_category[detection[pair]] == columns.gt_category[gt]
    n = len(detection)
    own, own_gt = _most(n, pair[same], gt[same], iou[same])
    other, other_gt = _most(n, pair[~same], gt[~same], iou[~same])
    used = same & taken[gt]
    double, _ = _most(n, pair[used], gt[used], iou[used])
    kind = np.select(
        [
            (own >= BACKGROUND_IOU) & (own <= MATCH_IOU),
            other >= MATCH_IOU,
            double >= MATCH_IOU,
            np.maximum(own, other) <= BACKGROUND_IOU,
        ],
        [_LOCATION, _CLASS, _DUPLICATE, _BACKGROUND],
        _BOTH,
    )
    about = np.select([kind == _LOCATION, kind == _CLASS], [own_gt, other_gt], UNMATCHED)
    return kind, about


def _most(
    n: int, pair: NDArray[np.int64], gt: NDArray[np.int64], iou: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n,) the highest IoU of each detection, 0 without a pair, and the first box that has it."""
    most = np.zeros(n)
    which = np.full(n, UNMATCHED, dtype=np.int64)
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    if len(starts):
        most[pair[starts]] = np.maximum.reduceat(iou, starts)
        best = np.flatnonzero(iou == most[pair])[::-1]
        which[pair[best]] = gt[best]
    return most, which


def _best_about(
    rank: NDArray[np.int64], about: NDArray[np.int64], taken: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(E,) the best detection of those about the same box, where nothing took the box."""
    open_ = np.flatnonzero(about != UNMATCHED)
    open_ = open_[~taken[about[open_]]]
    # All detections about a box are on its image: their ranks there are their order.
    order = open_[np.lexsort((rank[open_], about[open_]))]
    best = np.zeros(len(about), dtype=np.bool_)
    best[order[np.diff(about[order], prepend=-1) != 0]] = True
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Detections in the order in which a precision-recall curve takes them.

    By `category`, then by `score`, best first, then by `turn`, which is image by image. Class k
    is from `first[k]` to `first[k + 1]`.
    """

    category: NDArray[np.int64]
    score: NDArray[np.float64]
    turn: NDArray[np.int64]
    first: NDArray[np.int64]

    def behind_equals(self) -> NDArray[np.int64]:
        """(N,) the place behind the last detection of the same class and score."""
        changes = self._starts()
        return np.repeat(
            np.append(changes[1:], len(self.score)), np.diff(changes, append=len(self.score))
        )

    def position_of(
        self, members: NDArray[np.int64], category: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """(m,) the place in front of which members of the line would be in other classes."""
        starts = self._starts()
        group = np.zeros(len(self.score), dtype=np.int64)
        group[starts[1:]] = 1
        most = int(self.turn.max(initial=0)) + 1
        key = np.cumsum(group) * most + self.turn
        position = np.empty(len(members), dtype=np.int64)
        for number in np.unique(category):
            low, high = self.first[number], self.first[number + 1]
            which = np.flatnonzero(category == number)
            score = self.score[members[which]]
            index = low + np.searchsorted(-self.score[low:high], -score)
            equal = np.flatnonzero(index < high)
            equal = equal[self.score[index[equal]] == score[equal]]
            first = index[equal]
            wanted = key[first] - self.turn[first] + self.turn[members[which[equal]]]
            index[equal] = np.searchsorted(key, wanted)
            position[which] = index
        return position

    def _starts(self) -> NDArray[np.int64]:
        """First places of every class and score."""
        new = np.diff(self.category, prepend=-1) != 0
        new[1:] |= np.diff(self.score) != 0
        return np.flatnonzero(new)


def _average_precision(
    line: _Line,
    false: NDArray[np.int64],
    true: NDArray[np.int64],
    category: NDArray[np.int64],
    boxes: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(K,) AP from the places of false detections and those of true ones with their classes.

    All that AP depends on is how many false detections come before each true one.
    """
    before = np.searchsorted(false, line.first[category])
    ahead = np.searchsorted(false, true) - before
    order = np.lexsort((ahead, category))
    ahead = ahead[order]
    first = np.searchsorted(category[order], np.arange(len(boxes) + 1))
    ap = np.full(len(boxes), np.nan)
    for number in np.flatnonzero(boxes):
        of_class = ahead[first[number] : first[number + 1]]
        true_positives = np.arange(1, len(of_class) + 1)
        precision = true_positives / (true_positives + of_class)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        index = np.searchsorted(true_positives / boxes[number], _RECALL_POINTS)
        ap[number] = envelope[index[index < len(true_positives)]].sum() / len(_RECALL_POINTS)
    return ap
