"""Whether one of two models is worse, by swapping their detections clip by clip.

If two models are equally good, nothing tells which of them made which detections of a clip. So all
ways to swap them between the models, clip by clip, are equally likely, and the p-value is the share
of swaps after which the difference is at most the one that was seen (Fisher 1935; for a random part
of the swaps Hemerik and Goeman, TEST 2018; 27:811-825). It is exact for any metric and any law of
clips. Flipping the signs of jackknife values is not: up to 32% of equal models then fall at 5%.

G clips have 2^G swaps, so 2^-G is the least p-value, and fewer than 5 clips never reach 5%.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.resampling import Resampling, Units, require_units
from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.score_card import MAX_DETECTIONS, Metric

_SLACK = 1e-12
_AT_ONCE = 256
_BITS = 62


def p_value_of_fall(
    gated: Matches,
    other: Matches,
    resampling: Resampling,
    metric: Metric,
    max_detections: int = MAX_DETECTIONS,
) -> float:
    """Return the chance that a metric of the gated model is as far below that of the other, or
    farther, if both models are equally good.

    All swaps are tried if they are no more than the replicates of the `resampling`, else a random
    part of them, half of which mirror the others. `TooLittleEvidenceError` for fewer than 5 units.
    """
    units = resampling.units
    require_units(units)
    both = match(candidates_of(_beside(gated.candidates.columns, other.candidates.columns)))
    other_of = _swapped(units.count, resampling)
    swaps = _Swaps(_doubled(units), 2 * len(other_of), resampling.seed, other_of)
    values = bootstrap(both, swaps, max_detections=max_detections).values_of(metric)
    # Each swap is followed by its mirror, which gives each model what the other one has.
    change = values[0::2] - values[1::2]
    most = change[0] + _SLACK
    return float(np.mean(np.concatenate([change, -change]) <= most))


def _swapped(clips: int, resampling: Resampling) -> NDArray[np.int64]:
    """(n, clips) 1 where a swap takes a clip of the other model, without the mirror of each swap;
    nothing is swapped in the first row."""
    random = np.random.default_rng(resampling.seed)
    most = max(resampling.replicates // 2, 1)
    if clips > _BITS:
        other = random.integers(0, 2, (most, clips))
        other[0] = 0
        return other
    # As numbers, whose bits are the clips; the last one is swapped in mirrors only.
    swaps = 1 << (clips - 1)
    numbers = np.arange(swaps) if swaps <= most else 1 + random.choice(swaps - 1, most, False)
    numbers[0] = 0
    return (numbers[:, None] >> np.arange(clips)) & 1


@dataclass(frozen=True, slots=True, eq=False)
class _Swaps(Resampling):
    """Draws each of G clips once, from one model or the other (`other`, see `_swapped`): of 2 × G
    units, those from G on are the clips of the other model."""

    other: NDArray[np.int64]

    def weights(self) -> Iterator[NDArray[np.int32]]:
        for start in range(0, len(self.other), _AT_ONCE):
            some = self.other[start : start + _AT_ONCE]
            swap, mirror = np.hstack([1 - some, some]), np.hstack([some, 1 - some])
            both = np.stack([swap, mirror], axis=1)
            yield both.reshape(-1, self.units.count).astype(np.int32)


def _doubled(units: Units) -> Units:
    """The units of both models: those of the other model's images come behind."""
    behind = np.where(units.of_image >= 0, units.of_image + units.count, -1)
    return Units(units.kind, np.concatenate([units.of_image, behind]), 2 * units.count)


def _beside(gated: Columns, other: Columns) -> Columns:
    """What both models found, each on separate images with the same ground truth."""

    def joined(name: str, shift: int = 0) -> Any:
        return np.concatenate([getattr(gated, name), getattr(other, name) + shift])

    images = gated.n_images
    return Columns(
        classes=gated.classes,
        image_order=joined("image_order"),
        gt_row=joined("gt_row"),
        gt_image=joined("gt_image", images),
        gt_category=joined("gt_category"),
        gt_xywh=joined("gt_xywh"),
        gt_area=joined("gt_area"),
        gt_crowd=np.concatenate([gated.gt_crowd, other.gt_crowd]),
        dt_row=joined("dt_row"),
        dt_image=joined("dt_image", images),
        dt_category=joined("dt_category"),
        dt_xywh=joined("dt_xywh"),
        dt_score=joined("dt_score"),
    )
