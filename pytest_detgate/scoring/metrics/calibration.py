"""Whether a score of 0.8 means that eight in ten are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.matching import Matches


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Detections by class K and by bin B of their score, all bins of the same width.

    `edges` (B + 1,) from 0 to 1, the lower one within its bin. `count` (K, B) detections, `true`
    (K, B) those of them that are true positives, `score` (K, B) the sum of their scores.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    true: NDArray[np.int64]
    score: NDArray[np.float64]

    def detections(self, category: int | None = None) -> int:
        """How many detections were looked at, of one class or of all."""
        return int(self.count.sum() if category is None else self.count[category].sum())

    def expected_error(self, category: int | None = None) -> float | None:
        """Expected calibration error: the distance of mean score and share of true positives in
        a bin, averaged over the detections (Guo et al., ICML 2017); None without detections."""
        count, true, score = (
            (part.sum(axis=0) if category is None else part[category])
            for part in (self.count, self.true, self.score)
        )
        total = count.sum()
        return float(np.abs(true - score).sum() / total) if total else None


def calibration_of(matches: Matches, bins: int = 10, min_score: float = 0.0) -> Calibration:
    """Put the detections with score ≥ `min_score` into bins.

    A detection is right when it is a true positive at the first IoU threshold of the matches
    (0.5); what crowd regions explain is left out.
    """
    candidates, columns = matches.candidates, matches.candidates.columns
    counted = np.flatnonzero(~matches.ignored[0] & (candidates.score >= min_score))
    score = candidates.score[counted]
    n_classes = len(columns.classes)
    bin_index = columns.dt_category[candidates.detection[counted]] * bins
    bin_index += np.minimum((score * bins).astype(np.int64), bins - 1)

    def by_class_and_bin(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(bin_index, weights, minlength=n_classes * bins)
        return sums.reshape(n_classes, bins).astype(np.float64)

    return Calibration(
        edges=np.linspace(0.0, 1.0, bins + 1, dtype=np.float64),
        count=by_class_and_bin(np.ones(len(bin_index))).astype(np.int64),
        true=by_class_and_bin(matches.hits()[counted].astype(np.float64)).astype(np.int64),
        score=by_class_and_bin(score),
    )
