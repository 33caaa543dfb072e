"""The bootstrap against pycocotools on files in which images really stand several times, and
against the truth of a population that is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.findings import IntervalMethod
from pytest_detgate.scoring.bounds.bootstrap import bootstrap
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import (
    Resampling,
    clip_units,
    image_units,
)
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import AREAS, Matches, candidates_of, match
from pytest_detgate.scoring.score_card import Area
from tests.one_class import one_class_matches
from tests.parity.reference import by_pycocotools, random_set


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("seed", range(6))
def test_a_replicate_is_the_file_with_images_repeated(seed: int, area: Area) -> None:
    dataset, detections = random_set(seed)
    # Detections of one image with one score have no order that copies of the image could keep.
    apart = dataclasses.replace(
        detections, score=detections.score + np.linspace(0, 1e-6, len(detections))
    )
    # Every other image has a clip of two; the others stand alone.
    units = clip_units([f"clip {row // 4}" if row % 2 else None for row in range(12)])
    assert units.count == 9
    resampling = Resampling(units, 5, seed)
    replicates = bootstrap(match(candidates_of(columns_of(dataset, apart)), area), resampling)

    drawn = np.concatenate(list(resampling.weights()))
    for number, weights in enumerate(drawn):
        rows = np.repeat(np.arange(12), weights[units.of_image])
        evaluation = by_pycocotools(dataset, apart, rows.tolist())
        index = list(AREAS).index(area)
        precision = evaluation.eval["precision"][:, :, :, index, -1].mean(axis=1)  # (T, K)
        recall = evaluation.eval["recall"][:, :, index]  # (T, K, M)
        defined = precision[0] >= 0
        assert np.array_equal(~np.isnan(replicates.ap[number, :, 0]), defined)
        for category in np.flatnonzero(defined):
            assert replicates.ap[number, category] == pytest.approx(
                precision[:, category], abs=1e-12
            )
            assert replicates.recall[number, category] == pytest.approx(
                recall[:, category], abs=1e-12
            )
        if defined.any():
            ap = precision[:, defined].mean()
            assert replicates.values_of("AP")[number] == pytest.approx(ap, abs=1e-12)
            ar = recall[:, defined, 1].mean()
            assert replicates.values_of("AR10")[number] == pytest.approx(ar, abs=1e-12)


@dataclass(frozen=True)
class Population:
    """Clips of eight frames with one worker each. In a dark clip the detector misses most
    workers and sees things that are not there; frames of a clip are alike."""

    frames: int = 8

    def matches(self, clips: int, seed: int) -> tuple[Matches, NDArray[np.int64]]:
        random = np.random.default_rng(seed)
        clip = np.repeat(np.arange(clips), self.frames)
        images = len(clip)
        skill = random.beta(1.2, 0.8, clips)[clip]
        result = np.flatnonzero(random.random(images) < skill)
        noise = np.repeat(np.arange(images), random.poisson(1.2 * (1 - skill)))
        image = np.concatenate([result, noise])
        score = np.concatenate(
            [random.normal(0.5 + 0.4 * skill[result], 0.1), random.normal(0.45, 0.15, len(noise))]
        )
        xywh = np.where(np.arange(len(image))[:, None] < len(result), [10.0] * 4, [60.0] * 4)
        truth = (np.arange(images), np.full((images, 4), 10.0))
        return one_class_matches(images, truth, (image, xywh, score), np.array([0.5])), clip


def covered(clips: int, sets: int, *, by_clip: bool, method: IntervalMethod) -> float:
    """The share of simulated sets whose 95% interval holds the truth."""
    population = Population()
    whole, _ = population.matches(20_000, seed=0)
    units = image_units(whole.candidates.columns.n_images)
    truth = float(bootstrap(whole, EveryImageOnce(units, 1, 0)).ap[0, 0, 0])
    holds = 0
    for seed in range(1, sets + 1):
        matches, clip = population.matches(clips, seed)
        drawn = clip_units([str(number) for number in clip]) if by_clip else image_units(len(clip))
        resampling = Resampling(drawn, 300, seed)
        values = bootstrap(matches, resampling).ap[:, 0, 0]
        interval = Intervals(resampling, 0.975, method).of_draws(values, (0.0, 1.0), drawn.count)
        holds += interval.low <= truth <= interval.high
    return holds / sets


class EveryImageOnce(Resampling):
    """One draw, in which every unit stands once: the figure itself."""

    def weights(self) -> Iterator[NDArray[np.int32]]:
        yield np.ones((1, self.units.count), dtype=np.int32)


def test_intervals_by_clip_cover_the_truth() -> None:
    assert covered(60, 500, by_clip=True, method="auto") >= 0.95 - 3 * 0.01


def test_percentile_intervals_of_sixty_clips_cover_the_truth_too() -> None:
    assert 0.92 <= covered(60, 500, by_clip=True, method="percentile") <= 0.98


def test_intervals_by_image_are_too_narrow_for_clips() -> None:
    """Intervals by image are too narrow where frames of a clip are alike."""
    assert covered(60, 500, by_clip=False, method="auto") < 0.85
