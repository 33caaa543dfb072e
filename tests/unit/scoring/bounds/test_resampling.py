"""What a bootstrap draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.scoring.bounds.resampling import (
    Resampling,
    clip_units,
    image_units,
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
    with pytest.raises(TooLittleEvidenceError, match="no bounds from 4 clips"):
        weights(Resampling(clip_units(list("abcd")), 10, 0))
