"""Width and height of images as their files say."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import ImageOptions, InnerPaths

_AT_ONCE = 64
"""Images that a thread looks at in one go: to hand over each by itself takes as long as to look."""


def sizes_of_files(
    folder: Path, names: Sequence[str], options: ImageOptions
) -> NDArray[np.float64]:
    """Return (n, 2) width and height of the images of a folder, NaN where one cannot be read."""
    from pytest_detgate.dataset.images.opening import image_size

    paths = InnerPaths(folder, options)

    def size(name: str) -> tuple[float, float]:
        with contextlib.suppress(OSError, ValueError):
            return image_size(paths.real(name), options) or (np.nan, np.nan)
        return np.nan, np.nan

    def sizes(start: int) -> list[tuple[float, float]]:
        return [size(name) for name in names[start : start + _AT_ONCE]]

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(sizes, range(0, len(names), _AT_ONCE)))
    return np.array(list(chain.from_iterable(parts)), dtype=np.float64).reshape(-1, 2)


def with_sizes_of_files(
    folder: Path, names: Sequence[str], size: NDArray[np.float64], options: ImageOptions
) -> NDArray[np.float64]:
    """Return (n, 2) sizes in which those that are not stated, NaN, are read from the files."""
    rows = np.flatnonzero(np.isnan(size).any(axis=1))
    filled = size.copy()
    filled[rows] = sizes_of_files(folder, [names[row] for row in rows.tolist()], options)
    return filled
