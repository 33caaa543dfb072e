"""Limits of what is usual, from values some of which may be anything."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_VALUES: Final = 8
"""Values that it takes to say what is usual."""

# Of a normal distribution, the distance of the quartiles from the median in standard deviations.
_QUARTILE = 0.674489750196082


class UsualRange(NamedTuple):
    """The limits between which values are usual, and their median."""

    low: float
    median: float
    high: float


def usual_range(values: NDArray[np.float64], deviations: float) -> UsualRange:
    """Return the median and limits so many robust standard deviations from it.

    Each side has a separate deviation, from the quartile on that side, because sizes and levels
    are skewed. A quarter of the values may be anything on either side without moving a limit to
    where they are. `values` are at least one, and finite.
    """
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    times = deviations / _QUARTILE
    return UsualRange(
        low=median - times * (median - lower), median=median, high=median + times * (upper - median)
    )
