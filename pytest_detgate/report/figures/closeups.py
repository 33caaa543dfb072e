"""Which boxes are too small to judge on a thumbnail, and what to show of them enlarged."""

from __future__ import annotations

import math
from collections.abc import Sequence

Box = tuple[float, float, float, float]
CLOSEUPS = 4
# A box counts as small where its longer side is under this share of the image's longer side.
_SMALL = 0.14
# A close-up shows the box with as much again on either side, and never fewer pixels than this.
_CONTEXT = 3.0
_LEAST = 48.0


def closeups_of(boxes: Sequence[Box], size: tuple[int, int]) -> list[tuple[int, Box]]:
    """Choose squares to enlarge: `(index of the box, square)`, for the first few small boxes."""
    squares: list[tuple[int, Box]] = []
    for index, box in enumerate(boxes):
        if len(squares) == CLOSEUPS:
            break
        if _is_small(box, size):
            squares.append((index, _square(box, size)))
    return squares


def _is_small(box: Box, size: tuple[int, int]) -> bool:
    if not all(map(math.isfinite, box)):
        return False
    x, y, width, height = box
    touches = x + width > 0 and y + height > 0 and x < size[0] and y < size[1]
    return touches and 0 < max(width, height) < _SMALL * max(size)


def _square(box: Box, size: tuple[int, int]) -> Box:
    """Centre a square on the box, in whole pixels, moved and cut to be in the image."""
    x, y, width, height = box
    side = round(max(_CONTEXT * max(width, height), _LEAST))
    across, down = min(side, size[0]), min(side, size[1])
    left = min(max(round(x + width / 2 - across / 2), 0), size[0] - across)
    top = min(max(round(y + height / 2 - down / 2), 0), size[1] - down)
    return (left, top, across, down)
