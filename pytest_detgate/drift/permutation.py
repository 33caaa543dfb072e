"""Total variation distance between two splits, and how often chance alone makes as much.

Frames of one clip are not independent, so whole clips are permuted between the splits: with
frames as the unit, a few clips more or less would look like overwhelming evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.drift.features import Feature, Sample

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_SEED = 20_261_120
# A test by as many units as this is as good as one by a million: more are put together at
# random, and of a far larger split a random part is taken.
_UNITS = 1000
_AT_MOST_TIMES = 20
_BLOCK = 64
# Sums of shares differ in the last digits with the order of their terms.
_SAME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What chance alone makes of a feature's distance: `p` is how often as much as was found or
    more, `usual` the distance that it stays within in a share `confidence` of cases."""

    p: float
    usual: float


def shares(sample: Sample, n_bins: int) -> Floats:
    """(bins,) share of the observations in each bin."""
    share: Floats = np.bincount(sample.bin, minlength=n_bins) / len(sample.bin)
    return share


def distance(feature: Feature) -> float:
    """Total variation: the share of observations that would have to be in another bin for the
    two splits to agree; 0 where they do, 1 where they have no bin in common."""
    n_bins = len(feature.labels)
    difference = shares(feature.tested, n_bins) - shares(feature.reference, n_bins)
    return float(np.abs(difference).sum() / 2)


def least_p(n_reference: int, n_tested: int) -> float:
    """The smallest p that so many units can give: below it nothing is significant."""
    # With equal numbers each assignment and its mirror image give the same distance.
    return (1 + (n_reference == n_tested)) / comb(n_reference + n_tested, n_tested)


def chance(
    features: Sequence[Feature],
    of_reference: Rows,
    of_tested: Rows,
    *,
    confidence: float,
) -> list[Chance]:
    """Test every feature by permuting units between the splits.

    `of_reference` and `of_tested` (images,) int64 number the unit of each image from 0 on; the
    numbers decide which permutations are drawn, so that equal input gives equal answers.
    """
    rng = np.random.default_rng(_SEED)
    groups = _groups(_count(of_reference), _count(of_tested), rng)
    counts = [
        np.concatenate(
            [
                _table(feature.reference, of_reference, groups[0], len(feature.labels)),
                _table(feature.tested, of_tested, groups[1], len(feature.labels)),
            ]
        )
        for feature in features
    ]
    n_reference, n_tested = (int(group.max()) + 1 for group in groups)
    n = n_reference + n_tested
    draws = ceil(10 * len(features) / (1 - confidence))
    exact = comb(n, n_tested) <= draws
    observed = np.zeros((1, n))
    observed[0, n_reference:] = 1
    permuted = _permuted(counts, _assignments(n, n_tested, rng, None if exact else draws))
    # All assignments together include the observed one; random draws do not.
    more = 0 if exact else 1
    return [
        _chance(_distances(observed, count)[0], drawn, more, confidence)
        for count, drawn in zip(counts, permuted, strict=True)
    ]


def _permuted(counts: Sequence[Floats], assignments: Iterable[Floats]) -> list[Floats]:
    """Return (draws,) the distances of each feature under all assignments."""
    blocks = [[_distances(tested, count) for count in counts] for tested in assignments]
    return [np.concatenate(distances) for distances in zip(*blocks, strict=True)]


def _chance(observed: float, drawn: Floats, more: int, confidence: float) -> Chance:
    """Compare an observed distance with those of chance; `more` of them are not among `drawn`."""
    as_large = np.count_nonzero(drawn >= observed - _SAME) + more
    return Chance(
        p=float(as_large / (len(drawn) + more)), usual=float(np.quantile(drawn, confidence))
    )


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values for their number, so that the chance of any false alarm among them stays
    what was asked for (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


def _count(unit: Rows) -> int:
    return int(unit.max()) + 1


def _groups(n_reference: int, n_tested: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """(units,) group of each unit, −1 for one that is left out. Groups are of equal size, so
    that they are as exchangeable as their units."""
    size = ceil(min(n_reference, n_tested) / _UNITS)
    most = _AT_MOST_TIMES * (min(n_reference, n_tested) // size)

    def group(n: int) -> Rows:
        n_groups = min(n // size, most)
        groups = np.full(n, -1, dtype=np.int64)
        if n_groups == n:
            return np.arange(n)
        groups[rng.permutation(n)[: n_groups * size]] = np.arange(n_groups * size) // size
        return groups

    return group(n_reference), group(n_tested)


def _table(sample: Sample, unit: Rows, group: Rows, n_bins: int) -> Floats:
    """(groups, bins) number of observations."""
    of_observation = group[unit[sample.image]]
    is_counted = of_observation >= 0
    n_groups = int(group.max()) + 1
    cell = of_observation[is_counted] * n_bins + sample.bin[is_counted]
    counts = np.bincount(cell, minlength=n_groups * n_bins)
    return counts.reshape(n_groups, n_bins).astype(np.float64)


def _assignments(
    n: int, n_tested: int, rng: np.random.Generator, draws: int | None
) -> Iterator[Floats]:
    """Blocks (b, n) of 1 for tested and 0 for reference: `draws` at random, or all there are."""
    if draws is None:
        every = combinations(range(n), n_tested)
        while chosen := list(islice(every, _BLOCK)):
            block = np.zeros((len(chosen), n))
            block[np.arange(len(chosen))[:, None], np.array(chosen)] = 1
            yield block
        return
    for start in range(0, draws, _BLOCK):
        b = min(_BLOCK, draws - start)
        block = np.zeros((b, n))
        tested = np.argpartition(rng.random((b, n)), n_tested - 1, axis=1)[:, :n_tested]
        block[np.arange(b)[:, None], tested] = 1
        yield block


def _distances(tested: Floats, counts: Floats) -> Floats:
    """(b,) distance under each assignment; 1 where one side has nothing to compare."""
    of_tested = tested @ counts
    of_reference = counts.sum(axis=0) - of_tested
    totals = [side.sum(axis=1, keepdims=True) for side in (of_tested, of_reference)]
    with np.errstate(invalid="ignore"):
        difference = np.abs(of_tested / totals[0] - of_reference / totals[1]).sum(axis=1) / 2
    empty = (totals[0] * totals[1])[:, 0] == 0
    return np.where(empty, 1.0, difference)
