"""Counts over many thresholds, beside counting over each of them anew."""

from __future__ import annotations

import numpy as np

from pytest_detgate.scoring.metrics.thresholds import (
    counts_over,
    images_of_first,
    most_on_image,
    threshold_grid,
)


def test_hundredths_of_the_scale() -> None:
    grid = threshold_grid(0.0)

    assert len(grid) == 101
    assert (grid[0], grid[7], grid[29], grid[-1]) == (0.0, 0.07, 0.29, 1.0)


def test_the_grid_starts_at_the_floor() -> None:
    """A detector that keeps nothing below 0.055: 0.055, 0.06, 0.07 … 1.00, and 0.305; nothing is
    known at 0.01."""
    grid = threshold_grid(0.055, 0.305, 0.5, 0.01)

    assert grid[:3] == [0.055, 0.06, 0.07]
    assert grid[grid.index(0.3) : grid.index(0.31) + 1] == [0.3, 0.305, 0.31]
    assert len(grid) == 1 + 95 + 1


def test_counts_agree_with_counting_over_each_threshold_anew() -> None:
    """Half of the scores lie on the grid itself, where `>` and `>=` differ."""
    random = np.random.default_rng(11)
    score = np.concatenate([random.integers(0, 101, 300) / 100, random.random(300)])
    score = np.sort(score)[::-1]
    image = random.integers(0, 40, 600)
    thresholds = threshold_grid(0.0, 0.305)

    counts = counts_over(score, thresholds)
    images = images_of_first(image, counts)
    most = most_on_image(image, counts)

    for index, threshold in enumerate(thresholds):
        over = [int(image[row]) for row in range(600) if score[row] > threshold]
        assert counts[index] == len(over)
        assert images[index] == len(set(over))
        assert most[index] == max((over.count(row) for row in set(over)), default=0)


def test_most_boxes_on_one_image() -> None:
    """Boxes on images 1, 2, 1, 2, 2, and none on image 0: the first four have two of each."""
    image = np.array([1, 2, 1, 2, 2])
    counts = np.arange(6)

    assert most_on_image(image, counts).tolist() == [0, 1, 1, 2, 2, 3]
    assert images_of_first(image, counts).tolist() == [0, 1, 2, 2, 2, 2]


def test_no_box_at_all() -> None:
    nothing = np.empty(0, dtype=np.int64)
    counts = counts_over(np.empty(0), threshold_grid(0.0))

    assert not counts.any()
    assert not images_of_first(nothing, counts).any()
    assert not most_on_image(nothing, counts).any()
