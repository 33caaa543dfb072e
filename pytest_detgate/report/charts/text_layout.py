"""Words on a chart: how wide they are, how they are shortened, and how they keep apart.

The page's font is that of the reader's system, so widths are estimates, on the wide side.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from pytest_detgate.record.formatting import visible

SIZE = 12.0
BOLD = 1.1  # how much wider bold letters are
_SLIM = frozenset("ijl.,:;'|!` \u202f")
_NARROW = frozenset("ftrI()[]{}/\\-")
_BROAD = frozenset("mwMW@%&→←↓…—")
# What XML refuses beyond the control characters, and marks that turn the writing direction.
_REFUSED: dict[int, int] = {
    **dict.fromkeys([0xFFFE, 0xFFFF, 0x200E, 0x200F, 0x061C], 0xFFFD),
    **dict.fromkeys([ord("\t"), ord("\n")], ord(" ")),
}


def plain(text: str) -> str:
    """Return text as it may be on one line of a drawing: see `words.visible`."""
    return visible(text).translate(_REFUSED)


def width_of(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Estimate how wide a line of text is, in the unit of `size`."""
    return sum(map(_width, text)) * size * (BOLD if bold else 1.0)


def shortened(text: str, room: float, size: float = SIZE) -> str:
    """Cut a name in its middle until it fits: class names often differ at their ends only."""
    if width_of(text, size) <= room:
        return text
    left = room / size - _width("…")
    head, tail = "", ""
    front, back = 0, len(text) - 1
    while front <= back:
        from_head = len(head) <= len(tail)
        letter = text[front] if from_head else text[back]
        left -= _width(letter)
        if left < 0:
            break
        if from_head:
            head, front = head + letter, front + 1
        else:
            tail, back = letter + tail, back - 1
    return f"{head}…{tail}"


def apart(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places so that they are `gap` from each other, within bounds where there is room.

    They are returned in the order in which they came.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = [0.0] * len(positions)
    before = low - gap
    for index in order:
        before = moved[index] = max(positions[index], before + gap)
    after = high + gap
    for index in reversed(order):
        after = moved[index] = min(moved[index], after - gap)
    return moved


def in_lines(widths: Sequence[float], room: float, gap: float) -> list[tuple[int, float]]:
    """Set things of these widths like words: the line and the place on it of each."""
    lines: list[tuple[int, float]] = []
    line, along = 0, 0.0
    for width in widths:
        if along and along + width > room:
            line, along = line + 1, 0.0
        lines.append((line, along))
        along += width + gap
    return lines


@lru_cache(4096)
def _width(letter: str) -> float:
    if letter in _SLIM:
        return 0.32
    if letter in _NARROW:
        return 0.41
    if unicodedata.combining(letter) or letter in "\u200d\ufe0f":
        return 0.0
    if ord(letter) >= 0x1F000:
        return 1.3
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _BROAD:
        return 0.95
    return 0.62 if ord(letter) < 0x250 and not letter.isupper() else 0.72
