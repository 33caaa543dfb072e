"""The numbers of a chart as a table, for those who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_detgate.record import formatting as words

ROWS, COLUMNS = 60, 12
NOTHING = "–"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Heads, cells by row, and what the table holds."""

    columns: list[str]
    rows: list[list[str]]
    caption: str


def cell(value: float | int | None) -> str:
    """Say a number in a cell."""
    if value is None:
        return NOTHING
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return words.with_minus(words.number(value))


def cell_with_bounds(
    value: float | int | None, low: float | int | None, high: float | int | None
) -> str:
    """Say a value and, where there are some, its bounds: `0.9 [0.85, 0.94]`."""
    if low is None and high is None:
        return cell(value)
    return f"{cell(value)} [{cell(low)}, {cell(high)}]"


def first(things: Sequence[T], noun: str) -> tuple[Sequence[T], str]:
    """Give what a table has room for, and a sentence on it."""
    if len(things) <= ROWS:
        return things, f"{words.counted(len(things), noun)}."
    return things[:ROWS], f"The first {ROWS} of {words.counted(len(things), noun)}."


def spread(
    positions: Sequence[float], noun: str, keep: Collection[float] = ()
) -> tuple[Sequence[float], str]:
    """Give every second place, or third, as there is room, and both ends and those of `keep`."""
    if len(positions) <= ROWS:
        return positions, f"{words.counted(len(positions), noun)}."
    every = math.ceil((len(positions) - 1) / (ROWS - 1))
    chosen = {*positions[::every], positions[-1]} | {
        position for position in positions if position in keep
    }
    return sorted(chosen), f"{len(chosen)} of {words.counted(len(positions), noun)}."
