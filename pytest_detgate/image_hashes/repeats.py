"""Images that a dataset holds more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.image_hashes.hamming_search import pairs_within
from pytest_detgate.image_hashes.image_keys import ImageKeys
from pytest_detgate.image_hashes.turned import TURNS, Turn, turned_hashes

Rows = NDArray[np.int64]

_ROW_BITS = 40
_NONE = np.iinfo(np.int64).max
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """For each of n images: whether an earlier one has the same bytes (`exact`), the `row` of the
    earlier image that it repeats (-1 where there is none), how many bits their hashes differ in
    (`distance`), and the number of the turn among `TURNS` that makes them alike (`turn`)."""

    exact: NDArray[np.bool_]
    row: Rows
    distance: Rows
    turn: Rows

    @property
    def rows(self) -> Rows:
        """The images that repeat an earlier one."""
        return np.flatnonzero(self.row >= 0)

    def turn_of(self, row: int) -> Turn:
        """The turn that makes an image and the earlier one alike."""
        return TURNS[int(self.turn[row])]


def find_repeats(
    keys: ImageKeys, distance: int | None, clip: Rows | None = None, *, turned: bool = True
) -> Repeats:
    """Find the images that repeat an earlier one: by bytes and, unless `distance` is None, by a
    hash that differs in at most that many bits, with `turned` also that of a mirror image.

    Images of one `clip` (n,), where it is 0 or more, are only compared by bytes: frames of a still
    camera are alike.
    """
    n = len(keys)
    rows = np.arange(n)
    _, first, number = np.unique(keys.digest, return_index=True, return_inverse=True)
    earliest = first[number.reshape(-1)]
    exact = earliest < rows
    row, bits = np.where(exact, earliest, -1), np.where(exact, 0, -1)
    turn = np.zeros(n, dtype=np.int64)
    if distance is not None:
        assert keys.hash is not None
        # An image without a clip is a clip by itself.
        clips = -1 - rows if clip is None else np.where(clip < 0, -1 - rows, clip)
        for index, name in enumerate(TURNS if turned else TURNS[:1]):
            best = _nearest_earlier(turned_hashes(keys.hash, name), keys.hash, clips, distance)
            new = (row < 0) & (best < _NONE)
            row[new] = best[new] & ((1 << _ROW_BITS) - 1)
            bits[new] = best[new] >> _ROW_BITS
            turn[new] = index
    return Repeats(exact=exact, row=row, distance=bits, turn=turn)


def _nearest_earlier(
    queries: NDArray[np.uint64], hashes: NDArray[np.uint64], clips: Rows, radius: int
) -> Rows:
    """(n,) distance and row, in one number, of the nearest earlier image of another clip."""
    order = np.lexsort((np.arange(len(queries)), queries))
    asked, start = np.unique(queries[order], return_index=True)
    size = np.diff(start, append=len(queries))
    listed, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    # Two images of each hash do: the first, and the first of another clip than that.
    others = clips != clips[first[number.reshape(-1)]]
    second = np.full(len(listed), len(hashes))
    np.minimum.at(second, number.reshape(-1)[others], np.flatnonzero(others))
    best = np.full(len(queries), _NONE, dtype=np.int64)
    for query, match, distance in pairs_within(asked, listed, radius):
        for some in _parts(size[query]):
            of_query = size[query[some]]
            pair = np.repeat(np.arange(len(of_query)), of_query)
            step = np.arange(len(pair)) - np.repeat(np.cumsum(of_query) - of_query, of_query)
            row = order[start[query[some]][pair] + step]
            matched = match[some][pair]
            other = np.where(clips[first[matched]] != clips[row], first[matched], second[matched])
            earlier = other < row
            value = distance[some][pair].astype(np.int64) << _ROW_BITS | other
            np.minimum.at(best, row[earlier], value[earlier])
    return best


def _parts(sizes: Rows) -> Iterator[slice]:
    """Cut pairs into runs of about `_BLOCK` images."""
    ends = np.cumsum(sizes)
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        yield slice(first, last)
        first = last
