"""Metrics of other fields: log-average miss rate, FROC and optimal LRP.

Each looks at one class at IoU ≥ 0.5, at all its detections, and each is computed with units that
count several times or not at all, so that it can be bootstrapped. Detections with one score are
over a threshold together.

- Miss rate: Dollár, Wojek, Schiele and Perona, TPAMI 2012; 34:743-761. MR⁻² is the geometric mean
  of the miss rate at nine numbers of false boxes an image, log-spaced from 0.01 to 1: at each the
  miss rate of the lowest threshold that has no more; 1 if there is none.
- FROC: Bunch et al., Proc. SPIE 1977; 127:124-135. CPM (Niemeijer et al., TMI 2011; 30:215-223) is
  the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false boxes a scan, by straight lines between
  the points of the curve, as in LUNA16.
- oLRP: Oksuz, Cam, Kalkan and Akbas, TPAMI 2022; 44:9446-9463. LRP at a threshold is
  (Σ (1 - IoU) / (1 - 0.5) over true boxes + false boxes + missed ones) / (true + false + missed);
  oLRP is its least value over all thresholds.

In all three 1 is perfect here: 1 - MR⁻², CPM and 1 - oLRP. None of them exceeds the recall that
the class reaches, so bounds of the recall limit theirs (see `bounds.exact_limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.exact_limits import Seen, seen
from pytest_detgate.scoring.bounds.resampling import Resampling, Units
from pytest_detgate.scoring.false_boxes import MATCH_IOU
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.precision_recall import rows_of_class
from pytest_detgate.scoring.metrics.recall import boxes_of_class
from pytest_detgate.scoring.score_card import threshold_number

FieldMetric = Literal["miss-rate", "froc", "olrp"]
MISS_RATE_POINTS = np.logspace(-2.0, 0.0, 9)
FROC_POINTS = np.array([0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
LEAST_MISS_RATE = 1e-10
"""What a miss rate of 0 counts as, whose logarithm is not defined, as in Dollár's code."""
_ELEMENTS_AT_ONCE = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The detections of one class that are true or false, best first.

    `score`, `image`, `hit` and `iou` (n,): the score, the image row, whether it finds a box, and
    the IoU with that box, 0 for others. `last` (m,) are the indices of the last detection of each
    score, `boxes` (G,) the image rows of the boxes that are to be found, G ≥ 1, and `is_found` (G,)
    whether any detection finds them. `images` is the number of images.
    """

    score: NDArray[np.float64]
    image: NDArray[np.int64]
    hit: NDArray[np.bool_]
    iou: NDArray[np.float64]
    last: NDArray[np.int64]
    boxes: NDArray[np.int64]
    is_found: NDArray[np.bool_]
    images: int

    def counts(self, scans: int | None = None) -> Counts:
        """What is counted over each score; a scan is an image unless there are so many."""
        number = np.array([float(self.images if scans is None else scans)])
        return self._counts(np.ones((1, 1)), np.zeros(self.images, dtype=np.int64), number)

    def lrp_over(self, thresholds: list[float]) -> NDArray[np.float64]:
        """(T,) the LRP of the detections above each score threshold."""
        lrp = self.counts().lrp()[0]
        over = np.searchsorted(-self.score[self.last], -np.asarray(thresholds), side="left")
        values: NDArray[np.float64] = lrp[over]
        return values

    def best_threshold(self) -> BestThreshold:
        """oLRP, and what it consists of; of equal values that of the highest threshold."""
        counts = self.counts()
        lrp = counts.lrp()[0]
        best = int(lrp.argmin())
        if not best or not counts.true[0, best - 1]:
            return BestThreshold(olrp=float(lrp[best]), missed_share=1.0)
        index = best - 1
        true, false = float(counts.true[0, index]), float(counts.false[0, index])
        return BestThreshold(
            olrp=float(lrp[best]),
            missed_share=1 - true / len(self.boxes),
            threshold=float(np.nextafter(self.score[self.last[index]], -np.inf)),
            localisation=float(counts.off[0, index]) / true,
            false_share=false / (true + false),
        )

    def drawn(self, draws: Resampling, *, by_clip: bool = False) -> Iterator[Counts]:
        """The same in the draws of a bootstrap, some at once; a scan is a unit if `by_clip`."""
        unit = draws.units.of_image
        size = np.bincount(unit[unit >= 0], minlength=draws.units.count)
        step = max(1, _ELEMENTS_AT_ONCE // max(len(self.score), 1))
        for weights in draws.weights():
            for start in range(0, len(weights), step):
                some = weights[start : start + step].astype(np.float64)
                yield self._counts(some, unit, some.sum(axis=1) if by_clip else some @ size)

    def seen(self, units: Units) -> Seen:
        """What the metrics are computed from: the recall that is reached."""
        category = np.zeros(len(self.boxes), dtype=np.int64)
        return seen(self.is_found.astype(np.float64), category, units.of_image[self.boxes])

    def _counts(
        self, weight: NDArray[np.float64], unit: NDArray[np.int64], scans: NDArray[np.float64]
    ) -> Counts:
        each = weight[:, unit[self.image]]
        true = np.cumsum(each * self.hit, axis=1)[:, self.last]
        false = np.cumsum(each * ~self.hit, axis=1)[:, self.last]
        off = np.cumsum(each * self.hit * (1 - self.iou), axis=1)[:, self.last]
        return Counts(true, false, off, weight[:, unit[self.boxes]].sum(axis=1), scans)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestThreshold:
    """oLRP of a class and its parts at the best score threshold, above which a box counts; None
    where nothing is found at any."""

    olrp: float
    missed_share: float
    threshold: float | None = None
    localisation: float | None = None
    false_share: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts in B draws over each of m scores, the highest first.

    `true` and `false` (B, m) detections, `off` (B, m) the sum of 1 - IoU of the true ones, `boxes`
    (B,) to be found and `scans` (B,) images or clips.
    """

    true: NDArray[np.float64]
    false: NDArray[np.float64]
    off: NDArray[np.float64]
    boxes: NDArray[np.float64]
    scans: NDArray[np.float64]

    def miss_rates(self) -> NDArray[np.float64]:
        """(B, 9) the miss rate at each of the `MISS_RATE_POINTS`."""
        rates = []
        for true, false, boxes, scans in self._each():
            index = np.searchsorted(false / scans, MISS_RATE_POINTS, side="right")
            rates.append(1 - np.concatenate([[0.0], true])[index] / boxes)
        return np.array(rates)

    def sensitivities(self) -> NDArray[np.float64]:
        """(B, 7) the sensitivity at each of the `FROC_POINTS`."""
        values = []
        for true, false, boxes, scans in self._each():
            rate = np.concatenate([[0.0], false / scans])
            values.append(np.interp(FROC_POINTS, rate, np.concatenate([[0.0], true / boxes])))
        return np.array(values)

    def lrp(self) -> NDArray[np.float64]:
        """(B, m + 1) the LRP over each score; the first is over all scores, where nothing is
        found."""
        missed = self.boxes[:, None] - self.true
        total = self.off / (1 - MATCH_IOU) + self.false + missed
        # In a draw without boxes to find and without detections there is nothing to divide by.
        everything = np.maximum(self.true + self.false + missed, 1e-300)
        return np.concatenate([np.ones((len(total), 1)), total / everything], axis=1)

    def value(self, metric: FieldMetric) -> NDArray[np.float64]:
        """(B,) 1 - MR⁻², CPM or 1 - oLRP; NaN where no box to find was drawn."""
        value = _VALUES[metric](self)
        return np.where(self.boxes > 0, value, np.nan)

    def _each(
        self,
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], float, float]]:
        return zip(self.true, self.false, np.maximum(self.boxes, 1), np.maximum(self.scans, 1))  # noqa: B905


def _miss_rate(counts: Counts) -> NDArray[np.float64]:
    rates = np.maximum(counts.miss_rates(), LEAST_MISS_RATE)
    value: NDArray[np.float64] = 1 - np.exp(np.log(rates).mean(axis=1))
    return value


def _froc(counts: Counts) -> NDArray[np.float64]:
    value: NDArray[np.float64] = counts.sensitivities().mean(axis=1)
    return value


def _olrp(counts: Counts) -> NDArray[np.float64]:
    value: NDArray[np.float64] = 1 - counts.lrp().min(axis=1)
    return value


_VALUES: dict[FieldMetric, Callable[[Counts], NDArray[np.float64]]] = {
    "miss-rate": _miss_rate,
    "froc": _froc,
    "olrp": _olrp,
}


def ranked(matches: Matches, category: int) -> Ranked:
    """Rank the detections of a class that has boxes to find."""
    candidates, number = matches.candidates, threshold_number(MATCH_IOU)
    rows = rows_of_class(matches, category)
    rows = rows[~matches.ignored[number, rows]]
    score = candidates.score[rows]
    gt = matches.gt[number, rows].astype(np.int64)
    iou = np.zeros(len(rows))
    hit = gt >= 0
    iou[hit] = _iou_of_pairs(matches, rows[hit], gt[hit])
    boxes = boxes_of_class(matches, category)
    return Ranked(
        score=score,
        image=candidates.image[rows],
        hit=hit,
        iou=iou,
        last=np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(rows) else rows,
        boxes=candidates.columns.gt_image[boxes],
        is_found=np.isin(boxes, gt[hit]),
        images=candidates.columns.n_images,
    )


def _iou_of_pairs(
    matches: Matches, rows: NDArray[np.int64], gt: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) the IoU of candidates with the boxes that they match."""
    candidates = matches.candidates
    boxes = max(len(matches.gt_ignored), 1)
    key = candidates.pair_detection * boxes + candidates.pair_gt
    order = np.argsort(key, kind="stable")
    index = np.searchsorted(key[order], rows * boxes + gt)
    iou: NDArray[np.float64] = candidates.pair_iou[order][index]
    return iou
