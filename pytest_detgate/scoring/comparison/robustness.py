"""AP on corrupted images relative to AP on clean ones, on a sample of a split.

Michaelis et al. (arXiv 1907.07484): mPC is the mean of AP over corruptions and severities, rPC is
mPC / AP on clean images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling, Units
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.precision_recall import precision_and_recall
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
    chosen: Rows = random.integers(ends[:-1], ends[1:])
    return in_clips[chosen]


def looks_at(sample: Rows, seed: int) -> list[Rows]:
    """Return the images of each look at a sample: an eighth of it, a quarter, a half, all.

    Of every two images that follow each other in a look, one is drawn for the look before it. So
    each has the images of those before, and its share of every clip.
    """
    random = np.random.default_rng(seed)
    looks = [sample]
    while len(looks) < LOOKS and len(looks[0]) >= 2 * LEAST_FIRST:
        look = np.arange(0, len(looks[0]), 2)
        drawn = np.minimum(look + random.integers(0, 2, len(look)), len(looks[0]) - 1)
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
class Corrupted:
    """What is found with one corruption of one severity on some images.

    `matches` are those on the corrupted images, `images` (images,) says which they are, and `clean`
    and `ap` are the AP on them without and with the corruption.
    """

    matches: Matches
    images: NDArray[np.bool_]
    clean: float
    ap: float

    @property
    def retained(self) -> float:
        """AP with the corruption, as a share of that without."""
        return self.ap / self.clean


@dataclass(frozen=True, slots=True, eq=False)
class RelativeDrop:
    """How far AP falls from that on clean images, as a share of it, over some corruptions.

    `clean` is the AP on all clean images. Each corruption and severity has its own images, and
    loses a share of the AP on these: so the mean over many looks at many images of a split, and is
    nearer to that of all images than if they all looked at the same ones.
    """

    clean: float
    corrupted: tuple[Corrupted, ...]

    @property
    def rpc(self) -> float:
        """Mean AP on corrupted images relative to clean ones."""
        return math.fsum(change.retained for change in self.corrupted) / len(self.corrupted)

    @property
    def mpc(self) -> float:
        """Mean AP on corrupted images, of the whole split."""
        return self.rpc * self.clean

    @property
    def value(self) -> float:
        """1 - rPC."""
        return 1 - self.rpc


def interval_of_drop(
    drop: RelativeDrop,
    clean: Matches,
    metric: ApMetric,
    intervals: Intervals,
    most: int = MAX_DETECTIONS,
) -> Interval:
    """Return the interval of a relative drop: all APs are computed on the same draws of clips.

    `intervals` are those of all clips of the split. On clips unlike all that were seen AP may fall
    to 0 or rise to 1. `TooLittleEvidenceError` where there are too few clips.
    """
    drops, units = [], []
    for change in drop.corrupted:
        resampling = _of_images(intervals.resampling, change.images)
        drawn = bootstrap(clean, resampling, None, most)
        before = drawn.values_of(metric)
        after = bootstrap(change.matches, resampling, None, most).values_of(metric)
        drops.append(
            1 - np.divide(after, before, out=np.full_like(before, np.nan), where=before > 0)
        )
        units.append(drawn.seen(metric).units)
    span = (1 - 1 / drop.clean, 1.0)
    interval = intervals.of_draws(np.mean(drops, axis=0), span, min(units))
    return widened(interval, drop.value, drop.value)


def _of_images(resampling: Resampling, images: NDArray[np.bool_]) -> Resampling:
    """Return the same draws of clips, of which only some images count."""
    units = resampling.units
    of_image = np.where(images, units.of_image, -1)
    return replace(resampling, units=Units(units.kind, of_image, units.count))
