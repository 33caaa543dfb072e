"""The search for weak slices, on hand-made numbers and drawn scenes."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.bounds.resampling import Units, clip_units
from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.metrics.precision_recall import precision_and_recall
from pytest_detgate.scoring.score_card import mean_precision
from pytest_detgate.scoring.weak_slices import (
    Attribute,
    HalfOfClips,
    Slice,
    WeakSlice,
    candidate_slices,
    confirmed,
    halves,
    large_slices,
    weak_slices,
)

CLIPS, FRAMES = 24, 12
UNITS = clip_units([str(number // FRAMES) for number in range(CLIPS * FRAMES)])


def scene(found_in_dark: float) -> tuple[Matches, list[Attribute]]:
    """One box on each image; of those in bright images 90% are found, of the others so many. There
    are as many false boxes as images in three."""
    random = np.random.default_rng(3)
    images = CLIPS * FRAMES
    light, site = random.integers(0, 2, images), np.repeat(np.arange(CLIPS) % 3, FRAMES)
    result = np.flatnonzero(random.random(images) < np.where(light, 0.9, found_in_dark))
    false = np.flatnonzero(random.random(images) < 1 / 3)
    image = np.concatenate([result, false])
    box = np.array([10.0, 10, 20, 20])
    columns = Columns(
        classes=("thing",),
        image_order=np.arange(images),
        gt_row=np.arange(images),
        gt_image=np.arange(images),
        gt_category=np.zeros(images, dtype=np.int64),
        gt_xywh=np.tile(box, (images, 1)),
        gt_area=np.full(images, 400.0),
        gt_crowd=np.zeros(images, dtype=bool),
        dt_row=np.arange(len(image)),
        dt_image=image,
        dt_category=np.zeros(len(image), dtype=np.int64),
        dt_xywh=np.where((np.arange(len(image)) < len(result))[:, None], box, box + 50),
        dt_score=random.random(len(image)),
    )
    return match(candidates_of(columns)), [
        Attribute("light", ["dark", "bright"], light),
        Attribute("site", ["a", "b", "c"], site),
    ]


def weak(p_value: float, gap: float = -0.2, name: str = "") -> WeakSlice:
    return WeakSlice(
        slice=Slice(name, np.ones(1, dtype=bool)),
        found_gap=-0.2,
        ap=0.5 + gap,
        rest=0.5,
        lower=-1,
        upper=0,
        p_value=p_value,
        clips=5,
        frames=10,
        boxes=20,
    )


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ((0.01, 0.04, 0.03, 0.005, 0.5), 4),  # 0.005, 0.01, 0.03, 0.04 ≤ 0.05 × 4 / 5
        ((0.02, 0.5, 0.6, 0.7, 0.8), 0),  # 0.02 > 0.05 / 5
        ((0.01, 0.5, 0.6, 0.7, 0.8), 1),
        ((0.05,), 1),
        ((), 0),
    ],
)
def test_benjamini_and_hochberg(p_values: tuple[float, ...], expected: int) -> None:
    assert len(confirmed([weak(p) for p in p_values], 0.05, 0.05)) == expected


def test_a_small_gap_is_not_reported() -> None:
    assert confirmed([weak(0.001, gap=-0.04)], 0.05, 0.05) == []


def test_slices_are_all_values_and_pairs_of_values() -> None:
    attributes = [Attribute("a", ["1", "2"], np.array([0, 0, 1])),
                  Attribute("b", ["x"], np.array([-1, 0, 0]))]  # fmt: skip
    slices = {
        candidate_slice.name: candidate_slice.images.tolist()
        for candidate_slice in candidate_slices(attributes)
    }

    assert slices == {
        "a=1": [True, True, False],
        "a=2": [False, False, True],
        "b=x": [False, True, True],
        "a=1 and b=x": [False, True, False],
        "a=2 and b=x": [False, False, True],
    }


def test_halves_divide_clips() -> None:
    units = clip_units([str(number // 3) for number in range(30)])
    first, second = halves(units, 1)

    assert (first ^ second).all()
    assert len(np.unique(units.of_image[first])) == 5
    assert not set(units.of_image[first]) & set(units.of_image[second])


def halves_of(matches: Matches, units: Units) -> list[HalfOfClips]:
    return [HalfOfClips(matches, units, images) for images in halves(units, 0)]


def test_a_gap_is_ap_of_the_slice_less_ap_of_the_rest() -> None:
    matches, attributes = scene(0.5)
    dark = next(candidate_slices(attributes)).images
    second = halves(UNITS, 0)[1]

    ((ap, rest),) = HalfOfClips(matches, UNITS, second).gaps(dark[None])
    for value, images in ((ap, dark & second), (rest, ~dark & second)):
        points, _ = precision_and_recall(matches, images)
        assert value == pytest.approx(mean_precision(points[:, :, :, -1], "AP"), abs=1e-9)


def test_the_spread_is_that_of_leaving_out_each_clip() -> None:
    matches, attributes = scene(0.5)
    dark = next(candidate_slices(attributes)).images
    every = np.ones(len(dark), dtype=bool)
    gaps = []
    for clip in range(CLIPS):
        remaining = UNITS.of_image != clip
        aps = [mean_precision(precision_and_recall(matches, some)[0][:, :, :, -1], "AP")
               for some in (dark & remaining, ~dark & remaining)]  # fmt: skip
        assert aps[0] is not None
        assert aps[1] is not None
        gaps.append(aps[0] - aps[1])
    expected = np.sqrt((CLIPS - 1) * np.var(gaps))

    assert HalfOfClips(matches, UNITS, every).spread(dark) == pytest.approx(expected, abs=1e-9)


def test_a_weak_slice_is_found_and_confirmed() -> None:
    matches, attributes = scene(0.4)
    two = halves_of(matches, UNITS)
    large = large_slices(candidate_slices(attributes), *two)
    tested = weak_slices(large, *two, confidence=0.95, min_gap=0.05)
    names = [entry.slice.name for entry in confirmed(tested, 0.05, 0.05)]

    assert names[0] == "light=dark"
    assert not any("bright" in name for name in names)


def test_of_equal_slices_none_is_confirmed() -> None:
    matches, attributes = scene(0.9)
    two = halves_of(matches, UNITS)
    large = large_slices(candidate_slices(attributes), *two)
    tested = weak_slices(large, *two, confidence=0.95, min_gap=0.05)

    assert confirmed(tested, 0.05, 0.05) == []


def test_alike_clips_prove_no_more_than_their_number() -> None:
    """On 4 clips nothing is found, on the others nearly everything: 1/2^4 is above 5%."""
    matches, _ = scene(0.9)
    some = UNITS.of_image < 4
    half = HalfOfClips(matches, UNITS, np.ones(len(some), dtype=bool))
    (result,) = weak_slices([Slice("some", some)], half, half, confidence=0.95, min_gap=-1)

    assert result.clips == 4
    assert result.p_value >= 1 / 16


def test_a_slice_needs_clips_and_boxes() -> None:
    matches, _ = scene(0.9)
    half = HalfOfClips(matches, UNITS, np.ones(CLIPS * FRAMES, dtype=bool))

    assert half.is_large_enough(UNITS.of_image < 4)
    assert not half.is_large_enough(UNITS.of_image < 3)
    assert not half.is_large_enough(UNITS.of_image >= 3)
    few = (UNITS.of_image < 7) & (np.arange(CLIPS * FRAMES) % FRAMES < 2)
    assert not half.is_large_enough(few)
