"""Counts over many score thresholds at once.

A box counts when score > threshold, so of boxes sorted by score those over a threshold are the
first ones, and every count over it depends on how many there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 100


def threshold_grid(floor: float, *points: float) -> list[float]:
    """The hundredths of the scale from `floor` to 1, with `floor` and the `points` among them.

    Points below `floor` are left out, since nothing is known there.
    """
    hundredths = (round(step / STEPS, 2) for step in range(STEPS + 1))
    return sorted(
        {floor, *(threshold for threshold in (*hundredths, *points) if threshold >= floor)}
    )


def counts_over(
    score: NDArray[np.float64], thresholds: list[float] | NDArray[np.float64]
) -> NDArray[np.int64]:
    """(T,) how many of the scores, best first, are above each threshold."""
    return np.searchsorted(-score, -np.asarray(thresholds), side="left").astype(np.int64)


def images_of_first(image: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T,) how many different images hold the first boxes, for several counts of them; `image`
    (n,) is the image row of each box, best score first."""
    _, first_on_image = np.unique(image, return_index=True)
    return np.searchsorted(np.sort(first_on_image), counts, side="left").astype(np.int64)


def most_on_image(image: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T,) the most of the first boxes that one image holds; `image` and `counts` as above."""
    by_image = np.argsort(image, kind="stable")
    starts = np.flatnonzero(np.diff(image[by_image], prepend=-1))
    position = np.empty(len(image), dtype=np.int64)
    position[by_image] = np.arange(len(image)) - np.repeat(
        starts, np.diff(starts, append=len(image))
    )
    most = np.concatenate([[0], np.maximum.accumulate(position + 1)])
    return most[counts].astype(np.int64)
