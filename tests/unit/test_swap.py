"""The swap test on scenes drawn from one law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units
from pytest_detgate.scoring.bounds.swap import p_value_of_fall
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Matches, candidates_of, match

CLIPS, FRAMES = 6, 4
UNITS = clip_units([str(frame // FRAMES) for frame in range(CLIPS * FRAMES)])


def split_of(frames: int) -> Dataset:
    """One box at 10, 10 on each frame."""
    rows = np.arange(frames)
    return Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=rows,
            file_name=np.array([f"{row}.jpg" for row in rows], dtype=object),
            width=np.full(frames, 100.0),
            height=np.full(frames, 100.0),
        ),
        boxes=BoxTable(
            id=rows,
            image_id=rows,
            category_id=np.ones(frames, dtype=np.int64),
            image=rows,
            category=np.zeros(frames, dtype=np.int64),
            xywh=np.full((frames, 4), 10.0),
            area=np.full(frames, 100.0),
            crowd=np.zeros(frames, dtype=bool),
        ),
        classes=("thing",),
    )


def drawn(random: np.random.Generator, lost: float) -> Matches:
    """A model that finds a box with a chance that differs between clips; of false boxes it has one
    on each second frame."""
    frames = CLIPS * FRAMES
    skill = np.repeat(random.beta(2, 1, CLIPS), FRAMES) * (1 - lost)
    found = np.flatnonzero(random.random(frames) < skill)
    noise = np.flatnonzero(random.random(frames) < 0.5)
    image = np.concatenate([found, noise])
    true = np.arange(len(image)) < len(found)
    detections = DetectionTable(
        classes=("thing",),
        image=image,
        category=np.zeros(len(image), dtype=np.int64),
        xywh=np.where(true[:, None], [10.0] * 4, [60.0] * 4),
        score=random.random(len(image)),
    )
    return match(candidates_of(columns_of(split_of(frames), detections)))


def p_value(gated: Matches, other: Matches, swaps: int) -> float:
    return p_value_of_fall(gated, other, Resampling(UNITS, swaps, 0), "AP50")


def test_all_swaps_are_those_of_files_that_were_swapped() -> None:
    """64 ways to exchange 6 clips, each evaluated by a bootstrap that draws each clip once."""
    random = np.random.default_rng(4)
    gated, other = drawn(random, 0.3), drawn(random, 0.0)

    class Once(Resampling):
        def weights(self):  # type: ignore[no-untyped-def]
            yield np.ones((1, CLIPS), dtype=np.int32)

    def value(kept: int) -> float:
        """AP50 where the clips of the bits of `kept` are the gated model's."""
        one, two = gated.candidates.columns, other.candidates.columns
        mine = (kept >> (one.dt_image // FRAMES)) & 1 == 1
        theirs = (kept >> (two.dt_image // FRAMES)) & 1 == 0
        detections = DetectionTable(
            classes=("thing",),
            image=np.concatenate([one.dt_image[mine], two.dt_image[theirs]]),
            category=np.zeros(int(mine.sum() + theirs.sum()), dtype=np.int64),
            xywh=np.concatenate([one.dt_xywh[mine], two.dt_xywh[theirs]]),
            score=np.concatenate([one.dt_score[mine], two.dt_score[theirs]]),
        )
        matches = match(candidates_of(columns_of(split_of(CLIPS * FRAMES), detections)))
        return float(bootstrap(matches, Once(UNITS, 1, 0)).figure("AP50")[0])

    values = [value(kept) for kept in range(64)]
    changes = np.array([values[kept] - values[63 - kept] for kept in range(64)])
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
