"""How many bits two 64-bit numbers differ in, by the million."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Counts = NDArray[np.uint8]

_OF_16_BITS = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


def set_bits_by_table(words: Words) -> Counts:
    """(n,) number of bits that are set in each word, looked up 16 at a time."""
    counts: Counts = _OF_16_BITS[words & 0xFFFF]
    for shift in (16, 32, 48):
        counts += _OF_16_BITS[(words >> np.uint64(shift)) & 0xFFFF]
    return counts


# NumPy counts bits itself from 2.0 on.
_BUILT_IN: Any = getattr(np, "bitwise_count", None)
set_bits: Callable[[Words], Counts] = _BUILT_IN or set_bits_by_table


def differing_bits(first: Words, second: Words | np.uint64) -> Counts:
    """(n,) Hamming distance of words, pair by pair."""
    return set_bits(first ^ second)
