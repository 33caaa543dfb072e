"""Clip maps: the clips that leak most come first, and thinning keeps the frames that cross."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from pytest_detgate.dataset.clips.clip_maps import (
    CLIPS_CAP,
    FRAMES_CAP,
    apart,
    clip_histogram,
    clip_map,
)
from pytest_detgate.dataset.clips.frames import Frames, nearest_frames
from pytest_detgate.evidence import ClipMap

Listed = Sequence[tuple[str | None, int | None]]


def frames(listed: Listed) -> Frames:
    """Frames given as clip and number; None for a photo."""
    return Frames(
        clip=np.array([clip for clip, _ in listed], dtype=object),
        number=np.array([number or 0 for _, number in listed], dtype=np.int64),
        numbered=np.array([number is not None for _, number in listed]),
    )


def drawn_map(train: Listed, val: Listed, within: int | None = None) -> ClipMap | None:
    reference, tested = frames(train), frames(val)
    nearest = nearest_frames(tested, reference)
    return clip_map(
        ("train", "val"), reference, tested, nearest, title="T", about="A.", within=within
    )


def shown(mapped: ClipMap | None) -> dict[str, dict[str, list[int]]]:
    assert mapped is not None
    return {line.clip: line.frames for line in mapped.clips}


def crossing(first: list[int], other: list[int], within: int) -> set[int]:
    """The definition: frames with a frame of the other split within reach."""
    return {number for number in first if any(abs(number - index) <= within for index in other)}


def test_shared_clips_with_their_frames() -> None:
    mapped = drawn_map(
        [("a", 5), ("a", 1), ("b", 7), ("own", 1)],
        [("a", 9), ("b", 8), ("b", 6), ("b", 8), ("other", 1), (None, 2)],
        within=2,
    )

    assert mapped is not None
    assert mapped.splits == ["train", "val"]
    assert (mapped.total, mapped.within) == (2, 2)
    assert [line.clip for line in mapped.clips] == ["b", "a"]
    b, a = mapped.clips
    assert b.frames == {"train": [7], "val": [6, 8]}
    assert (b.images, b.near) == ({"train": 1, "val": 3}, 3)
    assert a.frames == {"train": [1, 5], "val": [9]}
    assert (a.images, a.near) == ({"train": 2, "val": 1}, 0)
    assert mapped.about == "A."


def test_without_near_frames_the_nearest_clip_is_first() -> None:
    """Without near frames the clip that comes nearest is first."""
    mapped = drawn_map(
        [("far", 0), ("middle", 0), ("close", 0)],
        [("far", 90), ("far", 80), ("middle", 50), ("close", 20)],
        within=5,
    )

    assert list(shown(mapped)) == ["close", "middle", "far"]


def test_without_a_distance_the_largest_clip_is_first() -> None:
    """Without a distance the clip with most tested images is first."""
    mapped = drawn_map([("a", 0), ("b", 0)], [("a", 1), ("b", 70), ("b", 80)])

    assert list(shown(mapped)) == ["b", "a"]
    assert mapped is not None
    assert [line.near for line in mapped.clips] == [None, None]


def test_photos_stand_at_zero_where_there_are_no_frames() -> None:
    mapped = drawn_map(
        [("photo", None), ("photo", None), ("mixed", 4), ("mixed", None)],
        [("photo", None), ("mixed", 5)],
        within=1,
    )

    assert shown(mapped) == {
        "photo": {"train": [0], "val": [0]},
        "mixed": {"train": [4], "val": [5]},
    }
    assert mapped is not None
    assert mapped.clips[0].images == {"train": 2, "val": 1}


def test_no_shared_clip_no_map() -> None:
    assert drawn_map([("a", 1)], [("b", 1)]) is None


def test_clips_are_capped_and_counted() -> None:
    clips = [f"c{number:03}" for number in range(CLIPS_CAP + 5)]
    worst = clips[-1]

    mapped = drawn_map([(clip, 1) for clip in clips], [(clip, 9) for clip in clips] + [(worst, 2)])

    assert mapped is not None
    assert (len(mapped.clips), mapped.total) == (CLIPS_CAP, CLIPS_CAP + 5)
    assert mapped.clips[0].clip == worst


@pytest.mark.parametrize("seed", range(20))
def test_thinning_never_drops_a_frame_that_crosses(seed: int) -> None:
    """A long clip cut into stretches of both splits, so that few frames stand near a cut."""
    rng = np.random.default_rng(seed)
    numbers = np.unique(rng.integers(-10_000, 10_000, 3000)).tolist()
    cuts = np.sort(rng.integers(-10_000, 10_000, 6))
    sides = [
        [number for number in numbers if np.searchsorted(cuts, number) % 2 == side]
        for side in (0, 1)
    ]
    within = int(rng.integers(0, 40))

    on_train, on_val = ([("a", number) for number in side] for side in sides)
    (result,) = shown(drawn_map(on_train, on_val, within)).values()

    train, val = result["train"], result["val"]
    assert crossing(sides[0], sides[1], within) <= set(train) <= set(sides[0])
    assert crossing(sides[1], sides[0], within) <= set(val) <= set(sides[1])
    assert train == sorted(set(train))
    assert val == sorted(set(val))
    assert len(train) + len(val) == FRAMES_CAP
    # Evenly: no gap of the clip is much wider than it has to be.
    drawn = np.sort(train + val)
    assert np.diff(drawn).max() < 4 * 20_000 / (FRAMES_CAP / 2)


def test_too_many_crossing_frames_take_their_neighbours() -> None:
    """Every second frame of a clip of a million is in the other split: all of them cross."""
    train, val = range(0, 20_000, 2), range(1, 20_000, 2)

    (result,) = shown(drawn_map([("a", n) for n in train], [("a", n) for n in val], 1)).values()

    assert len(result["val"]) == FRAMES_CAP // 2
    assert len(result["train"]) + len(result["val"]) <= FRAMES_CAP
    assert crossing(result["val"], result["train"], 1) == set(result["val"])
    assert (result["val"][0], result["val"][-1]) == (1, 19_999)


def test_thinning_is_said_and_counts_stay() -> None:
    mapped = drawn_map([("a", n) for n in range(900)], [("a", n) for n in range(900, 1000)])

    assert mapped is not None
    (line,) = mapped.clips
    assert line.images == {"train": 900, "val": 100}
    assert sum(map(len, line.frames.values())) == FRAMES_CAP
    # A tenth of the frames is in val, and so is a tenth of those that are shown.
    assert len(line.frames["val"]) == FRAMES_CAP // 10
    assert mapped.about == f"A. Of a clip with more than {FRAMES_CAP} frames some are left out."


def test_numbers_may_be_time_stamps() -> None:
    early, late = 1 - (1 << 62), (1 << 62) - 1
    train = [("a", early), *(("a", n) for n in range(500))]
    val = [("a", late), *(("a", n) for n in range(500, 600)), ("a", early + 3)]

    (result,) = shown(drawn_map(train, val, within=5)).values()

    assert {early, 499} <= set(result["train"])
    assert {late, 500, early + 3} <= set(result["val"])


def test_images_by_clip_where_frames_have_no_numbers() -> None:
    train = Counter({"a": 3, "b": 1, "own": 9})
    val = Counter({"a": 1, "b": 5, "other": 2})

    chart = clip_histogram(("train", "val"), train, val, title="T", about="A.")

    assert chart.names == ["b", "a"]
    assert chart.counts == {"train": [1, 3], "val": [5, 1]}
    assert (chart.shares, chart.about) == (False, "A.")
    many = Counter(f"c{number}" for number in range(CLIPS_CAP + 1))
    capped = clip_histogram(("train", "val"), many, many, title="T", about="A.")
    assert len(capped.names) == CLIPS_CAP
    assert capped.about == (
        f"A. Of {CLIPS_CAP + 1} clips the {CLIPS_CAP} with most tested images are drawn."
    )


@pytest.mark.parametrize(
    ("distance", "numbered", "text"),
    [
        (0, True, "same clip, same frame number"),
        (1, True, "same clip, 1 frame apart"),
        (12, True, "same clip, 12 frames apart"),
        (0, False, "same clip"),
    ],
)
def test_words_for_neighbours(distance: int, numbered: bool, text: str) -> None:
    assert apart(distance, numbered=numbered) == text
