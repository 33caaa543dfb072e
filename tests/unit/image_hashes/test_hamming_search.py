"""The search for near hashes misses no pair and counts none twice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.image_hashes import hamming_search as near
from pytest_detgate.image_hashes.hamming_search import (
    Neighbours,
    find_within,
    set_bits,
    set_bits_by_table,
)

Words = NDArray[np.uint64]


def crowded(rng: np.random.Generator, n: int) -> Words:
    """Hashes around a few centres, as far from them as still cameras make them; some equal."""
    words = rng.integers(0, 2**64, 4, dtype=np.uint64)[rng.integers(0, 4, n)]
    for _ in range(rng.integers(0, 12)):
        words = words ^ (np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64))
    return words


def slow(queries: Words, reference: Words, radius: int) -> list[tuple[int, int, int]]:
    """Row, distance and count by Python's own integers."""
    answers = []
    for query in queries.tolist():
        bits = [(query ^ other).bit_count() for other in reference.tolist()]
        least = min(bits)
        count = sum(distance <= radius for distance in bits)
        answers.append((bits.index(least), least, count) if count else (-1, -1, 0))
    return answers


def answers(matches: Neighbours) -> list[tuple[int, int, int]]:
    columns = matches.row, matches.distance, matches.count
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("radius", "by_bands"), [*((radius, True) for radius in range(10)), (0, False), (16, False)]
)
def test_finds_what_comparing_everything_finds(
    radius: int, by_bands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bands even where they do not pay, and in blocks too small for one query's bucket."""
    monkeypatch.setattr(near, "_COST_OF_PROBE", 0 if by_bands else 10**6)
    monkeypatch.setattr(near, "_COST_OF_CANDIDATE", 0)
    monkeypatch.setattr(near, "_BLOCK", 7)
    rng = np.random.default_rng(radius)
    for _ in range(3):
        queries, reference = crowded(rng, 60), crowded(rng, 80)
        shared = rng.integers(0, 60, 10)
        reference[:10] = queries[shared]

        assert answers(find_within(queries, reference, radius)) == slow(queries, reference, radius)


@pytest.mark.parametrize("radius", range(9))
def test_bits_spread_over_the_bands_are_found(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hardest case for bands: the differing bits in every possible division among them."""
    monkeypatch.setattr(near, "_COST_OF_PROBE", 0)
    monkeypatch.setattr(near, "_COST_OF_CANDIDATE", 0)
    divisions = [
        (first, second, third, radius - first - second - third)
        for first in range(radius + 1)
        for second in range(radius + 1 - first)
        for third in range(radius + 1 - first - second)
    ]
    query = 0x0123456789ABCDEF
    others = [
        query ^ sum(((1 << n) - 1) << 16 * band for band, n in enumerate(division))
        for division in divisions
    ]

    matches = find_within(
        np.array([query], dtype=np.uint64), np.array(others, dtype=np.uint64), radius
    )

    assert matches.count.tolist() == [len(divisions)]
    if radius:
        closer = find_within(
            np.array([query], dtype=np.uint64), np.array(others, dtype=np.uint64), radius - 1
        )
        assert closer.count.tolist() == [0]


def test_equal_hashes_by_the_thousand_are_no_burden() -> None:
    """Black frames: 10^10 pairs, counted without being made."""
    black = np.zeros(100_000, dtype=np.uint64)

    matches = find_within(black, black, 4)

    assert matches.count.tolist() == [100_000] * 100_000
    assert set(matches.row.tolist()) == {0}


def test_table_counts_bits_as_numpy_does() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 1000, dtype=np.uint64)
    words[:3] = (0, 2**64 - 1, 1 << 63)
    expected = [word.bit_count() for word in words.tolist()]

    assert set_bits_by_table(words).tolist() == expected
    assert set_bits(words).tolist() == expected
