"""Sharing limited room: what comes first where not all of it can be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_rounds(queues: Sequence[Sequence[T]]) -> Iterator[tuple[int, T]]:
    """Give the first of every queue, then the second of each, and so on: `(queue, entry)`."""
    for position in range(max(map(len, queues), default=0)):
        for number, queue in enumerate(queues):
            if position < len(queue):
                yield number, queue[position]


def fair_shares(wanted: Sequence[int], room: int) -> list[int]:
    """Share room so that nobody gets more than wanted, and nobody who is left short has less
    than another: few large wishes do not crowd out many small ones."""
    shares = [0] * len(wanted)
    short = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for done, index in enumerate(short):
        shares[index] = min(wanted[index], room // (len(short) - done))
        room -= shares[index]
    return shares
