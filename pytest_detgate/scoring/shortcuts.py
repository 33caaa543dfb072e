"""How well a property of an image alone tells whether a class is on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_limits import Seen

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Shortcut(NamedTuple):
    """`value` is the share of the images with the class that the property names, less the share of
    those without it that it names: 1 if it tells them apart, 0 or less if it says nothing (Youden,
    Cancer 1950; 3:32-35). `named` (images,) are those that it names."""

    value: float
    interval: Interval
    named: Flags


def named_by(bins: Rows, present: Flags, unit: Rows) -> Flags:
    """Return for each image whether its bin speaks for the class, as all other units have it.

    `bins`, `unit` (images,) count from 0. A bin speaks for a class if it holds a larger share of
    the images with it than of those without. The unit of an image is left out, since frames of one
    clip say the same.
    """
    n_bins, n_units = int(bins.max()) + 1, int(unit.max()) + 1
    shares = []
    for some in (present, ~present):
        own = np.bincount(unit[some] * n_bins + bins[some], minlength=n_units * n_bins)
        of_unit = own.reshape(n_units, n_bins)
        others = of_unit.sum(axis=0) - of_unit
        total = np.maximum(others.sum(axis=1, keepdims=True), 1)
        shares.append((others / total)[unit, bins])
    named: Flags = shares[0] > shares[1]
    return named


def find_shortcut(bins: Rows, present: Flags, unit: Rows, *, confidence: float) -> Shortcut:
    """Measure one property and class.

    Each bound of the difference takes the bounds of both shares over units, each at half of the
    error: so both hold together.
    """
    named = named_by(bins, present, unit)
    count = int(unit.max()) + 1
    half = 1 - (1 - confidence) / 2
    ends = []
    for some in (present, ~present):
        weight = np.bincount(unit[some], minlength=count).astype(np.float64)
        count_of_unit = np.bincount(unit[some & named], minlength=count).astype(np.float64)
        own = weight > 0
        seen = Seen(count_of_unit[own], weight[own], float(weight.sum()))
        ends.append((seen.share, seen.low(half), seen.high(half)))
    (share, low, high), (other, other_low, other_high) = ends
    return Shortcut(
        value=share - other,
        interval=Interval(
            low=low - other_high,
            high=high - other_low,
            confidence=confidence,
            method="exact bounds of two shares over clips, one more unlike them",
        ),
        named=named,
    )
