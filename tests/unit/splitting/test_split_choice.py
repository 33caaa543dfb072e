"""Which clips become validation: balanced, nothing lost, the same for the same seed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pytest_detgate.splitting.choice import ClipCounts, choose_validation


def counts(images: list[int], **strata: list[int]) -> ClipCounts:
    return ClipCounts(images=np.array(images), strata=np.column_stack(list(strata.values())))


def chosen(given: ClipCounts, share: float = 0.2, seed: int = 0) -> list[int]:
    """The numbers of the clips that become validation."""
    clips: list[int] = np.flatnonzero(choose_validation(given, share, seed)).tolist()
    return clips


def test_the_one_exact_answer_is_found() -> None:
    """Clips 1 and 4 together are the only fifth of images, helmets and vests."""
    given = counts([30, 10, 25, 25, 10], helmet=[40, 5, 20, 20, 15], vest=[5, 10, 20, 15, 0])

    assert chosen(given) == [1, 4]


def test_class_of_two_clips_stands_on_both_sides() -> None:
    given = counts([10] * 10, common=[10] * 10, rare=[5, 0, 0, 5, 0, 0, 0, 0, 0, 0])

    for seed in range(5):
        assert len({0, 3} & set(chosen(given, seed=seed))) == 1


def test_class_of_one_clip_is_trained_on() -> None:
    given = counts([10] * 5, common=[10] * 5, rare=[0, 0, 50, 0, 0])

    for seed in range(5):
        assert 2 not in chosen(given, seed=seed)


@pytest.mark.parametrize("images", [[1, 1], [1, 99], [99, 1], [50, 50], [1, 1, 98]])
def test_both_sides_have_images(images: list[int]) -> None:
    given = counts(images, common=images)

    assert 0 < len(chosen(given)) < len(images)


def test_clip_that_holds_most_is_trained_on() -> None:
    given = counts([900, 40, 60], common=[900, 40, 60])

    assert 0 not in chosen(given)


def test_same_seed_same_answer_and_other_seeds_differ() -> None:
    chance = np.random.default_rng(7)
    images = chance.integers(1, 40, 60)
    given = ClipCounts(images=images, strata=chance.integers(0, 30, (60, 6)))

    answers = [tuple(chosen(given, seed=seed)) for seed in (0, 0, 1, 2, 3)]

    assert answers[0] == answers[1]
    assert len(set(answers)) > 1


def test_no_small_case_is_missed() -> None:
    """Against every possible choice for eight clips: images and both strata equally near."""
    chance = np.random.default_rng(3)
    for _ in range(10):
        images = chance.integers(5, 30, 8)
        strata = chance.integers(1, 30, (8, 2))
        result = np.isin(np.arange(8), chosen(ClipCounts(images=images, strata=strata), 0.25))

        def away(rows: Any, images: Any = images, strata: Any = strata) -> float:
            columns = np.column_stack([images, images, strata])
            share = columns[list(rows)].sum(axis=0) / columns.sum(axis=0)
            return float(((share - 0.25) ** 2).sum())

        every = (rows for n in range(1, 8) for rows in itertools.combinations(range(8), n))
        assert away(np.flatnonzero(result)) == pytest.approx(min(map(away, every)))
