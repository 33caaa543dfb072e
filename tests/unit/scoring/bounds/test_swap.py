"""The swap test on scenes drawn from one law."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units
from pytest_detgate.scoring.bounds.swap import p_value_of_fall
from pytest_detgate.scoring.matching import Matches
from tests.one_class import Boxes, Rows, one_class_matches

CLIPS, FRAMES = 6, 4
UNITS = clip_units([str(frame // FRAMES) for frame in range(CLIPS * FRAMES)])


def matches_of(image: Rows, xywh: Boxes, score: Boxes) -> Matches:
    """Detections on a split with one box at 10, 10 on each frame."""
    frames = CLIPS * FRAMES
    return one_class_matches(
        frames, (np.arange(frames), np.full((frames, 4), 10.0)), (image, xywh, score)
    )


def drawn(random: np.random.Generator, lost: float) -> Matches:
    """A model that finds a box with a chance that differs between clips; of false boxes it has one
    on each second frame."""
    frames = CLIPS * FRAMES
    skill = np.repeat(random.beta(2, 1, CLIPS), FRAMES) * (1 - lost)
    result = np.flatnonzero(random.random(frames) < skill)
    noise = np.flatnonzero(random.random(frames) < 0.5)
    image = np.concatenate([result, noise])
    true = np.arange(len(image)) < len(result)
    boxes = np.where(true[:, None], [10.0] * 4, [60.0] * 4)
    return matches_of(image, boxes, random.random(len(image)))


def p_value(gated: Matches, other: Matches, swaps: int) -> float:
    return p_value_of_fall(gated, other, Resampling(UNITS, swaps, 0), "AP50")


def test_all_swaps_are_those_of_files_that_were_swapped() -> None:
    """64 ways to exchange 6 clips, each evaluated by a bootstrap that draws each clip once."""
    random = np.random.default_rng(4)
    gated, other = drawn(random, 0.3), drawn(random, 0.0)

    class Once(Resampling):
        def weights(self):  # type: ignore[no-untyped-def]
            yield np.ones((1, CLIPS), dtype=np.int32)

    def value(remaining: int) -> float:
        """AP50 where the clips of the bits of `kept` are the gated model's."""
        first, two = gated.candidates.columns, other.candidates.columns
        mine = (remaining >> (first.dt_image // FRAMES)) & 1 == 1
        theirs = (remaining >> (two.dt_image // FRAMES)) & 1 == 0
        matches = matches_of(
            np.concatenate([first.dt_image[mine], two.dt_image[theirs]]),
            np.concatenate([first.dt_xywh[mine], two.dt_xywh[theirs]]),
            np.concatenate([first.dt_score[mine], two.dt_score[theirs]]),
        )
        return float(bootstrap(matches, Once(UNITS, 1, 0)).values_of("AP50")[0])

    values = [value(number) for number in range(64)]
    changes = np.array([values[value] - values[63 - value] for value in range(64)])
    expected = np.mean(changes <= changes[63] + 1e-12)
    assert p_value(gated, other, 64) == pytest.approx(expected)
    assert 0 < expected < 1


@pytest.mark.parametrize("swaps", [40, 64])
def test_equal_models_are_rarely_found_to_have_fallen(swaps: int) -> None:
    """Of 300 pairs at most 5% (15) have a p-value of 5% or less, and three standard deviations of
    3.8 more; of a model that loses half of all boxes many have."""
    random = np.random.default_rng(9)
    equal = [p_value(drawn(random, 0), drawn(random, 0), swaps) for _ in range(300)]
    worse = [p_value(drawn(random, 0.5), drawn(random, 0), swaps) for _ in range(60)]

    assert np.count_nonzero(np.array(equal) <= 0.05) <= 15 + 3 * 3.8
    assert np.count_nonzero(np.array(worse) <= 0.05) >= 20


def test_more_clips_than_a_number_has_bits() -> None:
    """Of 70 clips with one frame the gated model finds no box and the other each: of 50 swaps and
    their 50 mirrors, only the one that swaps nothing is as bad."""
    frames = np.arange(70)
    truth = (frames, np.full((70, 4), 10.0))
    scores = np.random.default_rng(3).random(70)
    gated = one_class_matches(70, truth, (frames, np.full((70, 4), 60.0), scores))
    other = one_class_matches(70, truth, (*truth, scores))
    by_clip = Resampling(clip_units([str(frame) for frame in range(70)]), 100, 0)

    assert p_value_of_fall(gated, other, by_clip, "AP50") == 1 / 100
    assert p_value_of_fall(other, gated, by_clip, "AP50") == 1.0
