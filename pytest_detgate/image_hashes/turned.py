"""The difference hash of an image that is mirrored or turned by half, from the hash of the image.

A bit says whether a cell of a grid of 9 × 8 is brighter than its left neighbour. In a mirror image
the cells of a row are in reverse order, so the bits are, and each is inverted. No image is
decoded for it. A quarter turn puts columns in place of rows, which the hash knows nothing of.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Turn = Literal["as it is", "mirrored", "upside down", "turned by 180°"]
TURNS: Final[tuple[Turn, ...]] = (
    "as it is",
    "mirrored",
    "upside down",
    "turned by 180°",
)
"""As it is; mirrored left to right; mirrored top to bottom; both, which is half a turn."""

_REVERSED_BITS = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], dtype=np.uint8)


def turned_hashes(hashes: NDArray[np.uint64], turn: Turn) -> NDArray[np.uint64]:
    """(n,) the hashes that the images have if they are turned."""
    rows: NDArray[np.uint8] = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
    if turn in ("mirrored", "turned by 180°"):
        rows = ~_REVERSED_BITS[rows]
    if turn in ("upside down", "turned by 180°"):
        rows = rows[:, ::-1]
    return np.ascontiguousarray(rows).view(">u8").reshape(-1).astype(np.uint64)


def turned_boxes(shares: NDArray[np.float64], turn: Turn) -> NDArray[np.float64]:
    """(n, 4) boxes x, y, width, height in shares of their image, where they are if it is turned."""
    boxes = shares.copy()
    if turn in ("mirrored", "turned by 180°"):
        boxes[:, 0] = 1 - boxes[:, 0] - boxes[:, 2]
    if turn in ("upside down", "turned by 180°"):
        boxes[:, 1] = 1 - boxes[:, 1] - boxes[:, 3]
    return boxes
