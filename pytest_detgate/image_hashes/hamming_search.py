"""Exact search for hashes within a Hamming radius, in bounded memory.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): a hash is cut into four bands of 16 bits. Two
hashes that differ in at most r bits differ in at most ⌊r/4⌋ bits of at least one band, so only
hashes in the same or a neighbouring bucket of some band are compared; no pair is missed. Where
the hashes crowd into few buckets, comparing everything costs less, and is done instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BAND_BITS = 16
_BANDS = 4
_BUCKETS = 1 << _BAND_BITS
# Pairs compared at once: some 40 MB of temporary arrays.
_BLOCK = 1 << 20
# Measured costs relative to one comparison in a plain pass over all pairs.
_COST_OF_CANDIDATE = 8
_COST_OF_PROBE = 10
# Distance and row of the nearest hash share one number, so that a minimum finds both.
_ROW_BITS = 40
_NONE = np.iinfo(np.int64).max

Rows = NDArray[np.int64]
Words = NDArray[np.uint64]
Counts = NDArray[np.uint8]

_OF_16_BITS = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """For each of n queries: `row` of the nearest reference hash (the first of equally near ones,
    -1 where none is within the radius), its `distance` in bits, `count` of those within."""

    row: Rows
    distance: Rows
    count: Rows


def find_within(queries: Words, reference: Words, radius: int) -> Neighbours:
    """Match every query with all reference hashes that differ in at most `radius` bits."""
    distinct, of_query = np.unique(queries, return_inverse=True)
    listed, first_row, times = np.unique(reference, return_index=True, return_counts=True)
    best: NDArray[np.int64] = np.full(len(distinct), _NONE, dtype=np.int64)
    count: NDArray[np.int64] = np.zeros(len(distinct), dtype=np.int64)
    for query, row, distance in pairs_within(distinct, listed, radius):
        np.add.at(count, query, times[row])
        np.minimum.at(best, query, distance.astype(np.int64) << _ROW_BITS | first_row[row])
    best, count = best[of_query.ravel()], count[of_query.ravel()]
    return Neighbours(
        row=np.where(count > 0, best & ((1 << _ROW_BITS) - 1), -1),
        distance=np.where(count > 0, best >> _ROW_BITS, -1),
        count=count,
    )


def pairs_within(
    queries: Words, reference: Words, radius: int
) -> Iterator[tuple[Rows, Rows, NDArray[np.uint8]]]:
    """Yield every pair within the radius once, in blocks: query row, reference row, distance."""
    bands = _bands(queries, reference, radius)
    n_probes = sum(len(band.masks) for band in bands)
    cost = n_probes * len(queries) * _COST_OF_PROBE
    if cost < len(queries) * len(reference):
        cost += sum(band.candidates() for band in bands) * _COST_OF_CANDIDATE
    if cost >= len(queries) * len(reference):
        yield from _all_pairs(queries, reference, radius)
        return
    for number, band in enumerate(bands):
        for query, row, distance in band.pairs(radius):
            differing = queries[query] ^ reference[row]
            new = np.ones(len(query), dtype=np.bool_)
            for earlier in bands[:number]:
                new &= set_bits(_band_of(differing, earlier.number)) > earlier.radius
            yield query[new], row[new], distance[new]


def _all_pairs(
    queries: Words, reference: Words, radius: int
) -> Iterator[tuple[Rows, Rows, NDArray[np.uint8]]]:
    for start in range(0, len(reference), _BLOCK):
        block = reference[start : start + _BLOCK]
        for query, word in enumerate(queries):
            distance = differing_bits(block, word)
            near = np.flatnonzero(distance <= radius)
            if len(near):
                yield np.full(len(near), query), near + start, distance[near]


def _band_of(words: Words, number: int) -> Words:
    return (words >> np.uint64(_BAND_BITS * number)) & np.uint64(_BUCKETS - 1)


def _bands(queries: Words, reference: Words, radius: int) -> list[_Band]:
    """Return the bands to search.

    If each of the first (r mod 4) + 1 bands differed in more than ⌊r/4⌋ bits, and each other band
    in at least ⌊r/4⌋, the hashes would differ in r + 1 bits.
    """
    share, rest = divmod(radius, _BANDS)
    radii = [share if number <= rest else share - 1 for number in range(_BANDS)]
    return [
        _Band(number, band_radius, queries, reference)
        for number, band_radius in enumerate(radii)
        if band_radius >= 0
    ]


class _Band:
    """One band: the reference in buckets by the band's value, and the bit flips to try."""

    def __init__(self, number: int, radius: int, queries: Words, reference: Words) -> None:
        self.number = number
        self.radius = radius
        self.masks = np.array(
            [
                sum(1 << bit for bit in flipped)
                for n_flipped in range(radius + 1)
                for flipped in combinations(range(_BAND_BITS), n_flipped)
            ],
            dtype=np.int64,
        )
        keys = _band_of(queries, number).astype(np.uint16)
        # Neighbouring queries then look into neighbouring buckets, which are in the cache.
        self._query = np.argsort(keys, kind="stable")
        self._query_keys = keys[self._query].astype(np.int64)
        self._query_words = queries[self._query]
        keys = _band_of(reference, number).astype(np.uint16)
        self._row = np.argsort(keys, kind="stable")
        self._words = reference[self._row]
        self._start = np.zeros(_BUCKETS + 1, dtype=np.int64)
        np.cumsum(np.bincount(keys, minlength=_BUCKETS), out=self._start[1:])

    def candidates(self) -> int:
        """Count the pairs in all buckets that a search visits."""
        in_bucket = np.diff(self._start)
        n_queries = np.bincount(self._query_keys, minlength=_BUCKETS)
        buckets = np.arange(_BUCKETS)
        return sum(int(n_queries @ in_bucket[buckets ^ mask]) for mask in self.masks)

    def pairs(self, radius: int) -> Iterator[tuple[Rows, Rows, NDArray[np.uint8]]]:
        """Yield the pairs within `radius` whose bands differ in at most the band's own radius."""
        for mask in self.masks:
            bucket = self._query_keys ^ mask
            start = self._start[bucket]
            size = self._start[bucket + 1] - start
            filled = np.flatnonzero(size)
            ends = np.cumsum(size[filled])
            for part in _parts(ends):
                yield from self._compare(filled[part], start, size, radius)

    def _compare(
        self, query: Rows, start: Rows, size: Rows, radius: int
    ) -> Iterator[tuple[Rows, Rows, NDArray[np.uint8]]]:
        sizes = size[query]
        skipped = np.cumsum(sizes) - sizes
        n_pairs = int(sizes.sum())
        index = np.arange(n_pairs) + np.repeat(start[query] - skipped, sizes)
        distance = differing_bits(np.repeat(self._query_words[query], sizes), self._words[index])
        near = np.flatnonzero(distance <= radius)
        if len(near):
            of_pair = np.searchsorted(skipped, near, side="right") - 1
            yield self._query[query[of_pair]], self._row[index[near]], distance[near]


def _parts(ends: Rows) -> Iterator[slice]:
    """Cut queries into runs of about `_BLOCK` pairs; `ends` are the running totals of pairs."""
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        yield slice(first, last)
        first = last


def set_bits_by_table(words: Words) -> Counts:
    """(n,) number of set bits in each word, looked up 16 bits at a time."""
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
