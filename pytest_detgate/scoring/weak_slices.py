"""Slices of a split on which a detector is worse than on the rest.

Half of the clips are searched, the other half confirms. Many slices are looked at, so some look
weak by chance; on the second half these are as good as the rest. Of the slices that are tested
there the false ones are limited to a share (Benjamini and Hochberg, JRSS B 1995; 57:289-300).

The gap of a slice is its AP less that of all other images, by class, each class weighted by its
boxes in the slice: so a slice is not weak because a hard class is common in it. Its spread comes
from leaving out one clip after another (the jackknife), with as many degrees of freedom as the
slice, or the rest, has clips, less one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.resampling import Resampling, Units, image_units
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.score_card import MAX_DETECTIONS

LEAST_CLIPS = 4
"""Clips of a slice, and of the rest, in either half: fewer have no spread that can be trusted."""
LEAST_BOXES = 15
"""Boxes of a slice, and of the rest, in either half."""
TESTED = 5
"""Slices that the second half tests at most."""
_ALIKE = 0.7
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """A property of images: `value` (images,) is the index of its value among `names`, -1 where an
    image has none."""

    name: str
    names: Sequence[str]
    value: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Some images (images,), and what they have in common."""

    name: str
    images: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeakSlice:
    """What the second half says of a slice that the first half found weak.

    `ap` and `rest` are the weighted AP of the slice and of the other images, `gap` their
    difference, `lower` and `upper` its bounds, `clips`, `frames` and `boxes` those of the slice.
    """

    slice: Slice
    found_gap: float
    ap: float
    rest: float
    lower: float
    upper: float
    p_value: float
    clips: int
    frames: int
    boxes: int

    @property
    def gap(self) -> float:
        return self.ap - self.rest

    def interval(self, confidence: float) -> Interval:
        """The bounds of the gap."""
        method = f"t over {counted(self.clips, 'clip')} of the slice, by leaving out each clip"
        return Interval(low=self.lower, high=self.upper, confidence=confidence, method=method)


def candidate_slices(attributes: Sequence[Attribute]) -> Iterator[Slice]:
    """Yield a slice for each value of an attribute and for each two values of two attributes."""
    singles = [
        [
            Slice(f"{attribute.name}={name}", attribute.value == number)
            for number, name in enumerate(attribute.names)
        ]
        for attribute in attributes
    ]
    for several in singles:
        yield from several
    for slices, other_slices in combinations(singles, 2):
        for first in slices:
            for second in other_slices:
                both = first.images & second.images
                yield Slice(f"{first.name} and {second.name}", both)


def halves(units: Units, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the images (images,) of either half of the clips."""
    drawn = np.random.default_rng(seed).permutation(units.count)
    first = np.zeros(units.count, dtype=np.bool_)
    first[drawn[: units.count // 2]] = True
    return first[units.of_image], ~first[units.of_image]


class HalfOfClips:
    """The AP of slices within some of the images of a split."""

    def __init__(
        self,
        matches: Matches,
        units: Units,
        images: NDArray[np.bool_],
        max_detections: int = MAX_DETECTIONS,
    ) -> None:
        columns = matches.candidates.columns
        self._matches = matches
        self._units = units
        self._images = images
        self._max_detections = max_detections
        wanted = ~matches.gt_ignored
        self._boxes = np.zeros((len(columns.classes), columns.n_images), dtype=np.int64)
        np.add.at(self._boxes, (columns.gt_category[wanted], columns.gt_image[wanted]), 1)

    def is_large_enough(self, images: NDArray[np.bool_]) -> bool:
        """Whether a slice and the rest have enough clips and boxes here."""
        sides = (images & self._images, ~images & self._images)
        return all(
            self.clips(side) >= LEAST_CLIPS and self.boxes(side) >= LEAST_BOXES for side in sides
        )

    def clips(self, images: NDArray[np.bool_]) -> int:
        """The clips of images here that hold boxes."""
        holds = images & self._images & (self._boxes.sum(axis=0) > 0)
        return len(np.unique(self._units.of_image[holds]))

    def frames(self, images: NDArray[np.bool_]) -> int:
        """The number of images of a slice here."""
        return int(np.count_nonzero(images & self._images))

    def boxes(self, images: NDArray[np.bool_]) -> int:
        """The number of boxes of a slice here."""
        return int(self._boxes[:, images & self._images].sum())

    def gaps(self, slices: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(S, 2) the AP of each slice, and of the rest by the same classes, from (S, images)."""
        inside, outside = slices & self._images, ~slices & self._images
        by_class, rest = self._ap(inside), self._ap(outside)
        return _weighted(by_class, rest, inside @ self._boxes.T)

    def spread(self, images: NDArray[np.bool_]) -> float:
        """The standard error of the gap of a slice, by leaving out one clip after another."""
        here = self._units.of_image[self._images]
        left_out = np.unique(here)
        is_spread = self._units.of_image != left_out[:, None]
        inside, outside = is_spread & images & self._images, is_spread & ~images & self._images
        pairs = _weighted(self._ap(inside), self._ap(outside), inside @ self._boxes.T)
        gaps = pairs[:, 0] - pairs[:, 1]
        gaps = gaps[~np.isnan(gaps)]
        count = len(gaps)
        return float(np.sqrt((count - 1) / count * ((gaps - gaps.mean()) ** 2).sum()))

    def _ap(self, subsets: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(B, K) the AP of each class on subsets of the images (B, images); NaN without boxes."""
        draws = _Subsets(image_units(subsets.shape[1]), len(subsets), 0, subsets)
        ap = bootstrap(self._matches, draws, None, self._max_detections).ap
        mean: NDArray[np.float64] = ap.mean(axis=2)
        return mean


def large_slices(slices: Iterable[Slice], first: HalfOfClips, second: HalfOfClips) -> list[Slice]:
    """Return the slices that have enough clips and boxes in both halves, and so has the rest."""
    return [
        part
        for part in slices
        if first.is_large_enough(part.images) and second.is_large_enough(part.images)
    ]


def weak_slices(
    slices: Sequence[Slice],
    first: HalfOfClips,
    second: HalfOfClips,
    *,
    confidence: float,
    min_gap: float,
) -> list[WeakSlice]:
    """Return what the second half says of the slices that look weakest on the first, the weakest
    first, of one or more that are large enough. A part of a slice is left out unless it is weaker
    by another `min_gap`."""
    pairs = first.gaps(np.stack([part.images for part in slices]))
    gap = pairs[:, 0] - pairs[:, 1]
    boxes = np.array([first.boxes(part.images) for part in slices])
    chosen: list[int] = []
    # A gap of a few boxes is mostly chance: its spread falls with the root of their number.
    for index in np.argsort(gap * np.sqrt(boxes), kind="stable").tolist():
        known = any(
            _alike(slices[index], slices[other])
            or (_within(slices[index], slices[other]) and gap[index] > gap[other] - min_gap)
            for other in chosen
        )
        if gap[index] <= -min_gap and not known:
            chosen.append(index)
        if len(chosen) == TESTED:
            break
    return [_tested(slices[index], float(gap[index]), second, confidence) for index in chosen]


def confirmed(tested: Sequence[WeakSlice], error: float, min_gap: float) -> list[WeakSlice]:
    """Return the slices that the second half confirms, the surest first, by Benjamini and
    Hochberg at a share of false ones."""
    ranked = sorted(tested, key=lambda test: test.p_value)
    last = max(
        (rank for rank, test in enumerate(ranked, 1)
         if test.p_value <= error * rank / len(ranked)),
        default=0,
    )  # fmt: skip
    return [test for test in ranked[:last] if test.gap <= -min_gap]


def _tested(weak: Slice, found_gap: float, half: HalfOfClips, confidence: float) -> WeakSlice:
    from scipy import stats

    ((ap, rest),) = half.gaps(weak.images[None])
    spread = half.spread(weak.images)
    clips = min(half.clips(weak.images), half.clips(~weak.images))
    freedom, gap = clips - 1, float(ap - rest)
    by_t = float(stats.t.cdf(gap / spread, freedom)) if spread > 0 else float(gap >= 0)
    # Clips that are all alike have no spread. So many signs that agree prove this much, no more.
    p_value = max(by_t, 0.5**clips)
    return WeakSlice(
        slice=weak,
        found_gap=found_gap,
        ap=float(ap),
        rest=float(rest),
        lower=gap - spread * float(stats.t.ppf(confidence, freedom)),
        upper=gap + spread * float(stats.t.ppf(confidence, freedom)),
        p_value=p_value,
        clips=half.clips(weak.images),
        frames=half.frames(weak.images),
        boxes=half.boxes(weak.images),
    )


def _weighted(
    ap: NDArray[np.float64], rest: NDArray[np.float64], boxes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(B, 2) the mean of both over the classes that both have, weighted by the boxes (B, K)."""
    weight = np.where(np.isnan(ap) | np.isnan(rest), 0, boxes).astype(np.float64)
    total = weight.sum(axis=1)
    pairs = np.stack([np.nan_to_num(ap) * weight, np.nan_to_num(rest) * weight]).sum(axis=2)
    mean = np.divide(pairs, total, out=np.full(pairs.shape, np.nan), where=total > 0)
    transposed: NDArray[np.float64] = mean.T
    return transposed


def _alike(first: Slice, second: Slice) -> bool:
    """Whether two slices are mostly the same images."""
    both = np.count_nonzero(first.images & second.images)
    return bool(both > _ALIKE * np.count_nonzero(first.images | second.images))


def _within(inner: Slice, outer: Slice) -> bool:
    """Whether a slice is a part of another one."""
    return not bool((inner.images & ~outer.images).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Subsets(Resampling):
    """Takes some images once and the others not at all: (B, images)."""

    subsets: NDArray[np.bool_]

    def weights(self) -> Iterator[NDArray[np.int32]]:
        for start in range(0, len(self.subsets), _AT_ONCE):
            yield self.subsets[start : start + _AT_ONCE].astype(np.int32)
