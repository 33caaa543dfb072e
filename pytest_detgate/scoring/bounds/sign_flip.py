"""Whether losses outweigh gains, by flipping the sign of each clip.

If two models are equally good, nothing tells which of them lost and which gained the objects of a
clip. So the net loss of each clip might as well have the other sign, and the p-value is the share
of all ways to flip the signs whose total is at least the one that was seen (Fisher, The Design of
Experiments 1935; for a random part of the flips Hemerik and Goeman, TEST 2018; 27:811-825). It is
exact for any law of clips.

Several totals are tested at once: over all objects, over each class, over each size. All flip
together, and each is compared with the largest of them after each flip, so the least p-value needs
no further correction (Westfall and Young, Resampling-Based Multiple Testing 1993). A swap of forty
objects of one class for forty of another has a net loss of 0, and one of 40 in the first class.

Losses are small whole numbers, so many flips tie. A class that lost on four of six clips has its
largest total with 4 of 64 flips, as the other two clips do not matter. Its p-value could never be
below 6%. So ties go by the losses of all totals: what decides is a total and a ten thousandth of
the sum of all. The test is exact for any such function. What remains is that G clips have 2^G
flips: p-values are multiples of 1/2^G, and equal models fail at 5% in 1/32 of cases with 5 clips
and in 3/64 with 6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SLACK = 1e-9
_OF_ALL = 1e-4
_AT_ONCE = 4096
_BITS = 62


def p_values_of_losses(net: NDArray[np.float64], flips: int, seed: int) -> NDArray[np.float64]:
    """Return the p-value of each of S totals (S,), from the net loss of each in each of U units,
    (S, U).

    All flips are tried if they are no more than `flips`, else so many random ones, of which the
    first flips nothing. Units without a loss or gain say nothing. A total over units that all lose
    nothing has the p-value 1.
    """
    net = net[:, (net != 0).any(axis=0)]
    scale = np.sqrt((net**2).sum(axis=1, keepdims=True))
    # Divided by what no flip changes, so that a large class does not hide a small one.
    net = np.divide(net, scale, out=np.zeros_like(net), where=scale > 0)
    net = np.where(scale > 0, net + _OF_ALL * net.sum(axis=0), 0.0)
    seen = net.sum(axis=1)
    reached = np.zeros(len(net), dtype=np.int64)
    total = 0
    for signs in _signs(net.shape[1], flips, seed):
        largest = (signs @ net.T).max(axis=1)
        reached += np.count_nonzero(largest[:, None] >= seen - _SLACK, axis=0)
        total += len(signs)
    p_values: NDArray[np.float64] = np.where(scale[:, 0] > 0, reached / total, 1.0)
    return p_values


def least_p_value(units: int) -> float:
    """Return the least p-value that so many units can have."""
    return 0.5**units


def _signs(units: int, flips: int, seed: int) -> list[NDArray[np.float64]]:
    """(n, units) 1 or -1, in pieces; the first row flips nothing."""
    if units <= _BITS and 2**units <= flips:
        numbers = np.arange(2**units)
        minus = (numbers[:, None] >> np.arange(units)) & 1
    else:
        minus = np.random.default_rng(seed).integers(0, 2, (flips, units))
        minus[0] = 0
    signs = (1.0 - 2.0 * minus).astype(np.float64)
    return [signs[start : start + _AT_ONCE] for start in range(0, len(signs), _AT_ONCE)]
