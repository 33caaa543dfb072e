"""What a bootstrap draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.scoring.bounds.resampling import (
    Resampling,
    Units,
    clip_units,
    counted_units,
    defined_values,
    image_units,
    require_units,
    resampled_sums,
    too_few_units,
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


def test_some_images_alone_have_units_of_their_own() -> None:
    """Of five images of the clips 0, 1, 0, 2, 3 all but the second and the last are drawn."""
    units = Units("clip", np.array([0, 1, 0, 2, 3]), 4)

    some = units.only(np.array([True, False, True, True, False]))

    assert (some.kind, some.count, some.of_image.tolist()) == ("clip", 2, [0, -1, 0, 1, -1])


def test_draws_come_in_blocks_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many draws of 7 units as 30 numbers hold, no more than 256, and at least one."""

    def sizes(replicates: int) -> list[int]:
        return [len(block) for block in Resampling(image_units(7), replicates, 0).weights()]

    assert sizes(600) == [256, 256, 88]
    monkeypatch.setattr("pytest_detgate.scoring.bounds.resampling._DRAWN_AT_ONCE", 30)
    assert sizes(10) == [4, 4, 2]
    monkeypatch.setattr("pytest_detgate.scoring.bounds.resampling._DRAWN_AT_ONCE", 5)
    assert sizes(3) == [1, 1, 1]


def test_sums_count_each_unit_as_often_as_it_was_drawn() -> None:
    """Clips of 1 + 2, 3, 4, 5 and 0 boxes."""
    units = clip_units(["a", "a", "b", "c", "d", "e"])
    resampling = Resampling(units, 300, 3)

    sums = resampled_sums(np.array([1, 2, 3, 4, 5, 0]), resampling)

    assert sums.tolist() == (weights(resampling) @ np.array([3, 3, 4, 5, 0])).tolist()


def test_values_are_defined_in_most_draws_or_refused() -> None:
    """In 19 of 20 draws is enough, in 18 is not."""
    resampling = Resampling(image_units(6), 20, 0)
    values = np.arange(20, dtype=np.float64)
    values[3] = np.nan

    assert defined_values(values, resampling).tolist() == [*range(3), *range(4, 20)]
    values[4] = np.nan
    with pytest.raises(TooLittleEvidenceError) as caught:
        defined_values(values, resampling)
    assert str(caught.value) == (
        "in 10% of the bootstrap's draws there is nothing to measure: its ground truth is in too "
        "few of 6 images"
    )


@pytest.mark.parametrize(
    ("units", "counted", "needs"),
    [
        (image_units(1), "1 image", "4 more images"),
        (image_units(3), "3 images", "2 more images"),
        (clip_units(list("abcd")), "4 clips", "1 more clip"),
    ],
)
def test_how_many_units_are_lacking(units: Units, counted: str, needs: str) -> None:
    assert counted_units(units) == counted
    with pytest.raises(TooLittleEvidenceError) as caught:
        require_units(units)
    assert str(caught.value) == f"no bounds from {counted}: at least 5 are needed"
    assert caught.value.needs == needs
    assert too_few_units(units) == str(caught.value)
    assert too_few_units(image_units(5)) is None


def test_too_few_units_prove_nothing() -> None:
    with pytest.raises(TooLittleEvidenceError, match="no bounds from 4 clips"):
        weights(Resampling(clip_units(list("abcd")), 10, 0))
