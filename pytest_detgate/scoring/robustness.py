"""AP on corrupted images relative to AP on clean ones, on a sample of a split.

Michaelis et al. (arXiv 1907.07484): mPC is the mean of AP over corruptions and severities, rPC is
mPC / AP on clean images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.precision_recall import precision_and_recall
from pytest_detgate.scoring.score_card import MAX_DETECTIONS, ApMetric, mean_precision

Rows = NDArray[np.int64]

LOOKS = 4
"""Looks at a sample, at most."""
LEAST_FIRST = 16
"""Images of a first look, at least."""


def sample_of_clips(of_image: Rows, number: int, seed: int) -> Rows:
    """Return rows of up to `number` images, in the order of their clips.

    `of_image` (images,) is the clip of each. The images of all clips, one after the other, are
    divided into as many equal parts, and one image of each part is drawn: every clip has the share
    of the sample that it has of the split.
    """
    in_clips = np.argsort(of_image, kind="stable")
    total = len(in_clips)
    if number >= total:
        return in_clips
    ends = np.arange(number + 1) * total // number
    random = np.random.default_rng(seed)
    places: Rows = random.integers(ends[:-1], ends[1:])
    return in_clips[places]


def looks_at(sample: Rows, seed: int) -> list[Rows]:
    """Return the images of each look at a sample: an eighth of it, a quarter, a half, all.

    Of every two images that follow each other in a look, one is drawn for the look before it. So
    each has the images of those before, and its share of every clip.
    """
    random = np.random.default_rng(seed)
    looks = [sample]
    while len(looks) < LOOKS and len(looks[0]) >= 2 * LEAST_FIRST:
        places = np.arange(0, len(looks[0]), 2)
        drawn = np.minimum(places + random.integers(0, 2, len(places)), len(looks[0]) - 1)
        looks.insert(0, looks[0][drawn])
    return looks


def confidence_of_looks(confidence: float, looks: int) -> float:
    """Return the confidence of the bounds of each of several looks, so that all of them hold
    together with `confidence` (Bonferroni)."""
    return 1 - (1 - confidence) / looks


def ap_on(
    matches: Matches, images: NDArray[np.bool_], metric: ApMetric, most: int = MAX_DETECTIONS
) -> float | None:
    """Return AP on some of the images, (images,); None where they have no ground truth."""
    precision, _ = precision_and_recall(matches, images, max_detections=(most,))
    return mean_precision(precision[:, :, :, 0], metric)


@dataclass(frozen=True, slots=True, eq=False)
class RelativeDrop:
    """How far AP falls from that on clean images, as a share of it, on some of the images.

    `clean` and `corrupted` are the APs on them; there is one of the latter for each corruption and
    severity.
    """

    clean: float
    corrupted: tuple[float, ...]

    @property
    def mean(self) -> float:
        """mPC: the mean AP on corrupted images."""
        return math.fsum(self.corrupted) / len(self.corrupted)

    @property
    def value(self) -> float:
        """1 - rPC."""
        return 1 - self.mean / self.clean


def interval_of_drop(
    drop: RelativeDrop,
    clean: Matches,
    corrupted: Sequence[Matches],
    metric: ApMetric,
    intervals: Intervals,
    most: int = MAX_DETECTIONS,
) -> Interval:
    """Return the interval of a relative drop: all APs are computed on the same draws of clips.

    On clips unlike all that were seen AP may fall to 0 or rise to 1. `TooLittleEvidenceError` where
    there are too few clips.
    """
    drawn = bootstrap(clean, intervals.resampling, None, most)
    before = drawn.figure(metric)
    after = np.mean(
        [
            bootstrap(matches, intervals.resampling, None, most).figure(metric)
            for matches in corrupted
        ],
        axis=0,
    )
    drops = 1 - np.divide(after, before, out=np.full_like(before, np.nan), where=before > 0)
    span = (1 - 1 / drop.clean, 1.0)
    interval = intervals.of_draws(drops, span, drawn.seen(metric).units)
    return widened(interval, drop.value, drop.value)
