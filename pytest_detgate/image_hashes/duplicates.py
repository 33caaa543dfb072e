"""Images of one dataset that another one holds too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Pair, Side
from pytest_detgate.image_hashes.difference_hash import HASH_BITS
from pytest_detgate.image_hashes.hamming_search import find_within
from pytest_detgate.image_hashes.image_keys import ImageKeys
from pytest_detgate.image_hashes.turned import TURNS, Turn, turned_hashes

PAIRS_CAP = 24
"""Largest number of pairs shown side by side."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """For each of n tested images: whether the reference holds the same bytes (`exact`), the `row`
    of the nearest image there (-1 where there is none), its `distance` in bits of the hash, and
    the `count` of images there that it is a copy of. `turn` is the number of the turn among
    `TURNS` that makes both alike."""

    exact: NDArray[np.bool_]
    row: Rows
    distance: Rows
    count: Rows
    turn: Rows

    @property
    def is_turned(self) -> NDArray[np.bool_]:
        """(n,) whether the reference holds a mirror image of it only."""
        turned: NDArray[np.bool_] = self.turn > 0
        return turned

    @property
    def is_copy(self) -> NDArray[np.bool_]:
        """(n,) whether the reference holds the image, exactly or nearly."""
        return self.row >= 0

    def nearest_first(self) -> Rows:
        """Return the rows of the tested images that are copies, those with the same bytes first."""
        rows = np.flatnonzero(self.is_copy)
        order: Rows = np.lexsort(
            (rows, self.distance[rows], self.is_turned[rows], ~self.exact[rows])
        )
        return rows[order]

    def pairs(self, tested: Dataset, reference: Dataset) -> list[Pair]:
        """Return the first `PAIRS_CAP` copies, each beside the nearest image of the reference."""
        return [
            Pair(
                one=Side(dataset=tested.name, image=str(tested.images.file_name[row])),
                other=Side(
                    dataset=reference.name,
                    image=str(reference.images.file_name[self.row[row]]),
                ),
                text=self._similarity(row),
            )
            for row in self.nearest_first()[:PAIRS_CAP].tolist()
        ]

    def _similarity(self, row: int) -> str:
        if self.exact[row]:
            return "same bytes"
        return similarity(int(self.distance[row]), TURNS[int(self.turn[row])])

    def describe(self, tested_row: int, dataset: str, file_name: str) -> str:
        """Say what a tested image is a copy of: `hash differs in 3 of 64 bits from train/a.jpg
        and 2 more`."""
        distance = int(self.distance[tested_row])
        if self.exact[tested_row]:
            near = "the same bytes as"
        else:
            hashed = f"hash differs in {distance} of {HASH_BITS} bits from"
            near = "looks like" if distance == 0 else hashed
        if self.is_turned[tested_row]:
            near = f"{TURNS[int(self.turn[tested_row])]}: {near}"
        more = int(self.count[tested_row]) - 1
        return f"{near} {dataset}/{file_name}" + (f" and {more} more" if more else "")


def similarity(distance: int, turn: Turn) -> str:
    """Say how alike the hashes of two images with other bytes are."""
    turned = "" if turn == TURNS[0] else f"{turn}: "
    if distance == 0:
        return f"{turned}same perceptual hash, other bytes"
    return f"{turned}perceptual hash {distance} of {HASH_BITS} bits apart"


def find_copies(
    tested: ImageKeys, reference: ImageKeys, distance: int | None, *, turned: bool = False
) -> Copies:
    """Find the tested images that are in the reference: by bytes and, unless `distance` is None,
    by a hash that differs in at most that many bits. With `turned` also those of which it has a
    mirror image and nothing nearer."""
    row, count = _same_bytes(tested.digest, reference.digest)
    exact, turn = row >= 0, np.zeros(len(tested), dtype=np.int64)
    if distance is None:
        bits = np.where(exact, 0, -1)
        return Copies(exact=exact, row=row, distance=bits, count=count, turn=turn)
    assert tested.hash is not None
    assert reference.hash is not None
    near = find_within(tested.hash, reference.hash, distance)
    if (exact & (near.distance != 0)).any():
        raise DataError("images with the same bytes have different hashes: files are changing")
    row, bits, count = np.where(exact, row, near.row), near.distance.copy(), near.count.copy()
    for number, name in enumerate(TURNS[1:] if turned else (), start=1):
        near = find_within(turned_hashes(tested.hash, name), reference.hash, distance)
        new = (row < 0) & (near.row >= 0)
        row[new], bits[new], count[new] = near.row[new], near.distance[new], near.count[new]
        turn[new] = number
    return Copies(exact=exact, row=row, distance=bits, count=count, turn=turn)


def _same_bytes(tested: NDArray[np.bytes_], reference: NDArray[np.bytes_]) -> tuple[Rows, Rows]:
    """Return the first row and the number of the reference digests equal to each tested one; -1
    and 0 where there is none."""
    listed, first, times = np.unique(reference, return_index=True, return_counts=True)
    index = np.minimum(np.searchsorted(listed, tested), len(listed) - 1)
    is_equal = listed[index] == tested
    return np.where(is_equal, first[index], -1), np.where(is_equal, times[index], 0)
