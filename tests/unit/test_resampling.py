"""What a bootstrap draws, and the bounds that come of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.scoring.bounds.resampling import (
    Resampling,
    clip_units,
    image_units,
    percentile_interval,
)


def weights(resampling: Resampling) -> NDArray[np.int32]:
    return np.concatenate(list(resampling.weights()))


def test_every_draw_has_as_many_units_as_there_are() -> None:
    drawn = weights(Resampling(image_units(7), 100, 0))

    assert drawn.shape == (100, 7)
    assert (drawn.sum(axis=1) == 7).all()


def test_units_are_drawn_equally_often() -> None:
    """4000 draws of 10: each unit about 4000 times, standard deviation 60."""
    drawn = weights(Resampling(image_units(10), 4000, 1)).sum(axis=0)

    assert np.abs(drawn - 4000).max() < 5 * 60


def test_a_seed_draws_the_same_replicates() -> None:
    """A seed draws the same and more replicates begin with the same."""
    few = weights(Resampling(image_units(9), 20, 5))
    many = weights(Resampling(image_units(9), 90, 5))
    other = weights(Resampling(image_units(9), 20, 6))

    assert np.array_equal(few, many[:20])
    assert not np.array_equal(few, other)
    assert len(np.unique(many, axis=0)) > 80


def test_images_without_a_clip_stand_alone() -> None:
    units = clip_units(["north", None, "north", None, "south"])

    assert units.count == 4
    assert units.of_image.tolist() == [0, 1, 0, 2, 3]


def test_too_few_units_prove_nothing() -> None:
    with pytest.raises(TooLittleEvidenceError, match="over 4 clips says nothing"):
        weights(Resampling(clip_units(list("abcd")), 10, 0))


def test_bounds_are_the_quantiles_of_the_draws() -> None:
    """Of 0, 1 … 100 the 5% and 95% quantiles are 5 and 95."""
    resampling = Resampling(image_units(40), 101, 3)
    interval = percentile_interval(np.arange(101, dtype=np.float64)[::-1], 0.95, resampling)

    assert (interval.low, interval.high) == pytest.approx((5, 95))
    assert interval.confidence == 0.95
    assert interval.method == "bootstrap over 40 images, 101 replicates, seed 3"


def test_draws_without_ground_truth_are_left_out_if_they_are_few() -> None:
    resampling = Resampling(image_units(40), 100, 0)
    few = np.r_[[np.nan] * 5, np.linspace(0, 1, 95, dtype=np.float64)]
    many = np.r_[[np.nan] * 6, np.linspace(0, 1, 94, dtype=np.float64)]

    assert percentile_interval(few, 0.9, resampling).low == pytest.approx(0.1)
    with pytest.raises(TooLittleEvidenceError, match=r"in 6% of the bootstrap's draws"):
        percentile_interval(many, 0.9, resampling)
