"""When frames were taken: numbers and frame rate, time stamps, gaps, pauses; worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from pytest_detgate.dataset.clips.time_stamps import TimeUnit, seconds_of
from pytest_detgate.dataset.clips.timeline import (
    UNTIMED,
    FramesOfClips,
    FrameTiming,
    Timeline,
    timeline_of,
)
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.errors import DataError


def by_number(frames: Sequence[tuple[str | None, int]], fps: float = 25, step: int = 1) -> Timeline:
    """The timeline of frames of a clip and a number."""
    clip, number = zip(*frames, strict=True)
    known = FramesOfClips(object_column(clip), np.array(number), np.ones(len(clip), dtype=np.bool_))
    return timeline_of(known, FrameTiming(fps=fps, step=step), 1.0)


def by_stamp(
    frames: Sequence[tuple[str, float]], pause_s: float = 1.0, numbers: Sequence[int] | None = None
) -> Timeline:
    """The timeline of frames of a clip and a time stamp."""
    clip, stamp = zip(*frames, strict=True)
    numbered = None if numbers is None else np.ones(len(clip), dtype=np.bool_)
    known = FramesOfClips(
        object_column(clip),
        None if numbers is None else np.array(numbers),
        numbered,
        np.array(stamp),
    )
    return timeline_of(known, FrameTiming(time_field="time"), pause_s)


def test_frames_in_any_order_are_put_in_the_order_of_numbers() -> None:
    timeline = by_number([("b", 7), ("a", 3), ("a", 1), ("a", 2)], fps=2)

    assert timeline.clips == ("a", "b")
    assert timeline.clip.tolist() == [1, 0, 0, 0]
    assert (timeline.position - timeline.position.min()).tolist()[1:] == [2, 0, 1]
    assert timeline.time_s.tolist() == [3.5, 1.5, 0.5, 1.0]
    assert timeline.hours == pytest.approx(4 * 0.5 / 3600)


def test_missing_frames_are_counted_and_not_looked_at() -> None:
    """Of 1 to 10 the frames 4, 5, 6 and 9 are missing: 6 frames at 2 a second are 3 seconds."""
    timeline = by_number([("a", n) for n in (1, 2, 3, 7, 8, 10)] + [("b", 5)], fps=2)

    assert timeline.missing.tolist() == [4, 0]
    assert (timeline.hours_of_clips * 3600).tolist() == pytest.approx([3.0, 0.5])
    assert np.diff(timeline.position[:6]).tolist() == [1, 1, 4, 1, 2]


def test_every_fifth_frame_of_a_video_misses_none() -> None:
    """Frames 10, 15 and 20 at 25 a second stand for a fifth of a second each."""
    timeline = by_number([("a", 10), ("a", 15), ("a", 20)], step=5)

    assert timeline.missing.tolist() == [0]
    assert np.diff(timeline.position).tolist() == [1, 1]
    assert timeline.hours * 3600 == pytest.approx(0.6)


def test_a_number_that_does_not_fit_the_step_is_refused() -> None:
    with pytest.raises(DataError, match="clip 'a': frame 17 after 15 does not fit frame-step = 5"):
        by_number([("a", 10), ("a", 15), ("a", 17)], step=5)


def test_a_number_that_occurs_twice_is_refused() -> None:
    with pytest.raises(DataError, match="clip 'a' has frame 3 twice"):
        by_number([("a", 3), ("b", 3), ("a", 3)])


def test_images_without_a_clip_are_untimed() -> None:
    timeline = by_number([(None, 1), ("a", 1), (None, 2)])

    assert timeline.untimed.tolist() == [0, 2]
    assert math.isnan(timeline.time_s[0])
    assert timeline.hours * 3600 == pytest.approx(0.04)


def test_a_variable_frame_rate_counts_time_to_the_next_frame() -> None:
    """0.1 + 0.2 + 0.7 s, and the last frame lasts as long as the middle one of those."""
    timeline = by_stamp([("a", 10.0), ("a", 10.1), ("a", 10.3), ("a", 11.0)])

    assert timeline.lasts_s.tolist() == pytest.approx([0.1, 0.2, 0.7, 0.2])
    assert timeline.hours * 3600 == pytest.approx(1.2)
    assert timeline.pauses.tolist() == [0]


def test_a_pause_cuts_a_clip_and_is_not_looked_at() -> None:
    """Two pieces of 3 frames, 0.5 s apart: 1.5 s each, whatever is between them."""
    stamps = [0.0, 0.5, 1.0, 100.0, 100.5, 101.0]
    timeline = by_stamp([("a", stamp) for stamp in stamps])

    assert timeline.pauses.tolist() == [1]
    assert timeline.piece.tolist() == [0, 0, 0, 1, 1, 1]
    assert timeline.hours * 3600 == pytest.approx(3.0)
    assert by_stamp([("a", stamp) for stamp in stamps], pause_s=200).hours * 3600 == pytest.approx(
        101.5
    )


def test_a_time_as_long_as_a_pause_may_be_is_none() -> None:
    assert by_stamp([("a", 0.0), ("a", 1.0), ("a", 2.0)]).pauses.tolist() == [0]


def test_numbers_beside_time_stamps_say_what_is_missing() -> None:
    frames = [("a", 0.0), ("a", 0.1), ("a", 0.4)]

    assert by_stamp(frames).missing.tolist() == [0]
    assert by_stamp(frames, numbers=[1, 2, 5]).missing.tolist() == [2]


@pytest.mark.parametrize("stamps", [[0.0, 0.5, 0.5], [0.0, 0.0, 0.5]])
def test_two_frames_at_one_time_are_refused(stamps: list[float]) -> None:
    with pytest.raises(DataError, match=r"clip 'a': two frames that follow each other"):
        by_stamp([("a", stamp) for stamp in stamps])


def test_time_stamps_against_the_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"have the times 0\.5 s and 0\.4 s"):
        by_stamp([("a", 0.0), ("a", 0.5), ("a", 0.4)], numbers=[1, 2, 3])


def test_single_frames_say_nothing_of_how_long_they_last() -> None:
    with pytest.raises(DataError, match="no two frames of a clip are at most pause-s = 1 s apart"):
        by_stamp([("a", 0.0), ("a", 5.0), ("b", 0.0)])


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (12, "s", 12.0),
        (12.5, "s", 12.5),
        ("40", "ms", 0.04),
        ("1.5", "s", 1.5),
        (1_700_000_000_040_000_000, "ns", 1_700_000_000.04),
        ("1970-01-01T00:01:00.040Z", "s", 60.04),
        ("1970-01-01 01:01:00+01:00", "s", 60.0),
        ("1970-01-01T00:00:05", "ms", 5.0),
        (None, "s", None),
        (True, "s", None),
        ("soon", "s", None),
        ("1_0", "s", None),
        (math.nan, "s", None),
        ("inf", "s", None),
        (10**30, "s", None),
    ],
)
def test_time_stamps_are_read(value: object, unit: TimeUnit, seconds: float | None) -> None:
    read = seconds_of(value, unit)

    assert read == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def test_images_without_a_number_are_untimed() -> None:
    """The third image of the clip has none, and nobody misses a frame for it. Of clip b nothing is
    known, and it counts as a clip nevertheless."""
    known = FramesOfClips(
        object_column(["a", "a", "a", "b"]),
        np.array([0, 1, 7, 2]),
        np.array([True, True, False, False]),
    )
    timeline = timeline_of(known, FrameTiming(fps=1), 1.0)

    assert timeline.untimed.tolist() == [2, 3]
    assert timeline.clips == ("a", "b")
    assert timeline.missing.tolist() == [0, 0]
    assert timeline.hours_of_clips.tolist() == pytest.approx([2 / 3600, 0])


def test_numbers_that_are_missing_during_a_pause_are_none() -> None:
    """Frame 2 is missing between 1 and 3; those between 3 and 9 fell into a pause of 10 s."""
    frames = [("a", 0.0), ("a", 0.1), ("a", 0.3), ("a", 10.3), ("a", 10.4)]
    timeline = by_stamp(frames, numbers=[0, 1, 3, 9, 10])

    assert timeline.missing.tolist() == [1]
    assert timeline.pauses.tolist() == [1]


def test_the_last_frame_lasts_as_long_as_the_median_one() -> None:
    """Times to the next frame: 0.1, 0.2, 0.3, 0.5 and 0.9; a single frame takes that of all."""
    frames = [("a", value) for value in (0.0, 0.1, 0.3, 0.6, 1.1, 2.0)]
    timeline = by_stamp([*frames, ("b", 50.0)])

    assert timeline.lasts_s.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.9, 0.3, 0.3])


def test_clips_of_which_nothing_is_known_come_before_others() -> None:
    known = FramesOfClips(
        object_column(["a", "b", "c", "c"]),
        np.array([1, 1, 5, 6]),
        np.array([False, False, True, True]),
    )
    timeline = timeline_of(known, FrameTiming(fps=1), 1.0)

    assert timeline.missing.tolist() == [0, 0, 0]
    assert timeline.hours_of_clips.tolist() == pytest.approx([0, 0, 2 / 3600])


def test_an_image_without_a_time_takes_none() -> None:
    """Two frames a second; frame 2 is missing."""
    timeline = by_number([("a", 1), (None, 1), ("a", 3)], fps=2)

    assert timeline.piece.tolist() == [0, UNTIMED, 0]
    assert timeline.position.tolist() == [1, 0, 3]
    assert timeline.lasts_s.tolist() == [0.5, 0, 0.5]
    assert timeline.missing.dtype == timeline.position.dtype == np.int64


def test_a_table_without_images_has_no_clips() -> None:
    nothing = FramesOfClips(object_column([]), stamp_s=np.empty(0))
    timeline = timeline_of(nothing, FrameTiming(time_field="time"), 1.0)

    assert timeline.clips == ()
    assert timeline.clip.dtype == np.int64
    assert (len(timeline.lasts_s), timeline.hours) == (0, 0)


@pytest.mark.parametrize(("time_s", "pauses"), [(1.25, [0]), (1.5, [1])])
def test_a_time_within_the_tolerance_is_no_pause(
    monkeypatch: pytest.MonkeyPatch, time_s: float, pauses: list[int]
) -> None:
    """Times no further apart than a quarter of a second are equal here: 1.25 is not over 1."""
    monkeypatch.setattr("pytest_detgate.dataset.clips.timeline.TOLERANCE_S", 0.25)

    timeline = by_stamp([("a", 0.0), ("a", time_s), ("a", time_s + 1)], pause_s=1.0)

    assert timeline.pauses.tolist() == pauses
