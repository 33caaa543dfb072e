"""Exact intervals of counts and shares: what a few frames can prove, and no more.

Both ends are one-sided bounds at the confidence that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pytest_detgate.findings import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL = 1e-6
"""Below this error, SciPy before 1.12 gives wrong answers to the chance near 1 of the high end."""


def poisson_interval(count: float, confidence: float) -> Interval:
    """The interval of the expected count where `count` independent events were seen.

    Garwood, Biometrika 1936; 28:437-442. The low end is 0 for a count of 0.
    """
    # SciPy is imported where it is used: many runs of the gate never ask for an interval.
    from scipy.special import gammaincinv

    return Interval(
        low=float(gammaincinv(count, 1 - confidence)) if count else 0.0,
        high=float(gammaincinv(count + 1, confidence)),
        confidence=confidence,
        method="exact Poisson",
    )


def binomial_interval(successes: float, trials: float, confidence: float) -> Interval:
    """The interval of a share of which `successes` of `trials` were seen, trials > 0; either may
    be a fraction, where trials are counted in effect.

    Clopper and Pearson, Biometrika 1934; 26:404-413.
    """
    from scipy.special import betaincinv

    failures, error = trials - successes, 1 - confidence
    if not failures:
        high = 1.0
    elif error > _SMALL:
        high = float(betaincinv(successes + 1, failures, confidence))
    elif successes:
        high = 1 - float(betaincinv(failures, successes + 1, error))
    else:
        high = -math.expm1(math.log(error) / trials)
    return Interval(
        low=float(betaincinv(successes, failures + 1, error)) if successes else 0.0,
        high=high,
        confidence=confidence,
        method="exact binomial",
    )


def clustered_poisson_interval(
    counts_by_cluster: Sequence[int] | NDArray[np.int64],
    weight: float,
    confidence: float,
    copies: float = 1.0,
) -> Interval:
    """The interval of the expected sum of counts whose events come in independent clusters, such
    as the false boxes of a clip.

    A cluster with events is one Poisson event that weighs its count, so that the sum is a weighted
    sum of Poisson counts, and the interval the gamma interval of Fay and Feuer, Statistics in
    Medicine 1997; 16:791-801. Where every weight is 1 it is that of `poisson_interval`.

    The high end allows for one more cluster, which weighs `weight` or, where it is more, as much as
    the heaviest that was seen. The heaviest seen alone would not do: clusters that fire on all
    their frames may be rare enough to be missing here. With `copies` each cluster was seen so many
    times, which need not be a whole number.
    """
    from scipy.special import gammaincinv

    counts = np.asarray(counts_by_cluster, dtype=np.float64)
    total, squares = copies * float(counts.sum()), copies * float((counts**2).sum())
    most = max(weight, float(counts.max(initial=0)))
    mean, variance = total + most, squares + most**2
    return Interval(
        low=squares / total * float(gammaincinv(total**2 / squares, 1 - confidence))
        if total
        else 0.0,
        high=variance / mean * float(gammaincinv(mean**2 / variance, confidence)),
        confidence=confidence,
        method="clustered Poisson",
    )
