"""From tracks to alarms, and alarms to events: counts worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pytest_detgate.scoring.alarms.debounce import (
    Spans,
    clips_that_can_alarm,
    debounced,
    merged,
    ordered,
)
from pytest_detgate.scoring.alarms.linking import pairs_of, sightings_of, tracks_by_gap
from pytest_detgate.scoring.alarms.matching import delay_within, match_alarms
from tests.unit.dataset.clips.test_timeline import by_number

Times = list[tuple[float, float]]


def alarms(
    fires: str, hits: int, of: int, *, fps: float = 1, cooldown_s: float = 0, gap: int | None = None
) -> Times:
    """The alarms of one object that stands still and is found on the frames marked `x`."""
    timeline = by_number([("a", number) for number in range(len(fires))], fps)
    image = np.flatnonzero([sign == "x" for sign in fires])
    n = len(image)
    seen = sightings_of(
        timeline,
        image,
        np.zeros(n, dtype=np.int64),
        np.array([[0.0, 0, 9, 9]] * n),
        np.full(n, 0.9),
    )
    gap = of - hits if gap is None else gap
    ((_, track),) = tracks_by_gap(seen, pairs_of(seen, gap, 0.3), 0.3, {gap})
    spans = merged(debounced(seen, track, seen.score > 0.3, hits, of), cooldown_s)
    return list(zip(spans.start_s.tolist(), spans.end_s.tolist(), strict=True))


def spans(*times: tuple[float, float], clip: int = 0, category: int = 0) -> Spans:
    start, end = np.array(times, dtype=np.float64).reshape(-1, 2).T
    n = len(times)
    numbers = np.zeros(n, dtype=np.int64)
    return Spans(numbers + clip, numbers + category, start, end, np.ones(n), numbers, numbers)


def joined(*several: Spans) -> Spans:
    return ordered(
        Spans(
            *(
                np.concatenate([getattr(entry, column) for entry in several])
                for column in ("clip", "category", "start_s", "end_s", "score", "first", "last")
            )
        )
    )


@pytest.mark.parametrize(
    ("fires", "hits", "of", "expected"),
    [
        # The third of the last five that fires raises it, and it lasts until the last that counts.
        ("xxx......", 3, 5, [(2, 2)]),
        ("x.x.x....", 3, 5, [(4, 4)]),
        ("x..x..x..", 3, 5, []),
        ("xx........xx", 3, 5, []),
        ("xxxxxx", 3, 5, [(2, 5)]),
        # Two frames in a row, of two: 0-1 and 5-6; a gap of 0 ends a track.
        ("xx...xx", 2, 2, [(1, 1), (6, 6)]),
        ("x.x.x", 2, 2, []),
        ("x", 1, 1, [(0, 0)]),
        ("x.x", 1, 1, [(0, 0), (2, 2)]),
        ("......", 1, 1, []),
        ("xx.x.....", 3, 5, [(3, 3)]),
        # At frame 5 those of 1, 2 and 5 are three of the last five; at 7 only those of 5 and 7 are.
        ("xxx..x.xx", 3, 5, [(2, 5), (8, 8)]),
    ],
)
def test_so_many_of_the_last_frames(fires: str, hits: int, of: int, expected: Times) -> None:
    assert alarms(fires, hits, of) == expected


def test_a_gap_shorter_than_the_window_ends_a_track() -> None:
    """3 of 5 with x.x.x needs gaps of one frame."""
    assert alarms("x.x.x", 3, 5, gap=0) == []
    assert alarms("x.x.x", 3, 5, gap=1) == [(4, 4)]


def test_debounce_is_in_frames_and_cooldown_in_seconds() -> None:
    """25 frames a second: 3 frames from 0 raise one at 0.08 s, 3 from 30 one at 1.28 s."""
    fires = "xxx" + "." * 27 + "xxx"

    assert alarms(fires, 3, 5, fps=25) == [(0.08, 0.08), (1.28, 1.28)]
    assert alarms(fires, 3, 5, fps=25, cooldown_s=1.3) == [(0.08, 1.28)]
    assert alarms(fires, 3, 5, fps=25, cooldown_s=1.1) == [(0.08, 0.08), (1.28, 1.28)]


@pytest.mark.parametrize(
    ("cooldown_s", "expected"),
    [
        (0, [(0, 4), (2, 3), (7, 8), (13, 13)]),
        (3, [(0, 4), (7, 8), (13, 13)]),
        (3.1, [(0, 8), (13, 13)]),
        (5, [(0, 8), (13, 13)]),
        (5.1, [(0, 13)]),
    ],
)
def test_alarms_closer_than_the_cooldown_are_one(cooldown_s: float, expected: Times) -> None:
    """What ends at 4 and what begins at 7 are 3 apart, also where another ends at 3 between."""
    first = merged(spans((0, 4), (2, 3), (7, 8), (13, 13)), cooldown_s)

    assert list(zip(first.start_s.tolist(), first.end_s.tolist(), strict=True)) == expected


def test_alarms_of_other_clips_and_classes_stay_apart() -> None:
    several = joined(
        spans((0, 1), (2, 3)),
        spans((0, 9), category=1),
        spans((1, 2), (90, 91), clip=1),
    )
    first = merged(several, 10)

    assert list(zip(first.clip.tolist(), first.category.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 0),
    ]
    assert first.end_s.tolist() == [3, 9, 2, 91]


def matched(
    detections: Spans, events: Spans, before_s: float = 2, after_s: float = 10
) -> Sequence[object]:
    matches = match_alarms(detections, events, before_s, after_s)
    return matches.false.tolist(), [
        None if np.isnan(delay_) else round(delay_, 6) for delay_ in matches.delay_s.tolist()
    ]


def test_an_alarm_counts_from_before_an_event_until_after_it() -> None:
    """An event from 10 to 20 s: alarms from 8 to 30 s belong to it, both included."""
    event = spans((10, 20))

    assert matched(spans((8, 9)), event) == ([False], [-2])
    assert matched(spans((7.99, 12)), event) == ([True], [None])
    assert matched(spans((30, 31)), event) == ([False], [20])
    assert matched(spans((30.01, 31)), event) == ([True], [None])


def test_the_first_alarm_of_an_event_gives_its_delay() -> None:
    result = spans((3, 4), (12, 13), (15, 16), (50, 51))

    assert matched(result, spans((10, 20), (60, 61))) == ([True, False, False, True], [2, None])


def test_an_alarm_may_belong_to_two_events() -> None:
    assert matched(spans((11, 12)), spans((5, 6), (10, 20))) == ([False], [6, 1])


def test_an_alarm_of_another_class_or_clip_belongs_to_no_event() -> None:
    result = joined(spans((10, 11), category=1), spans((10, 11), clip=1))

    assert matched(result, spans((10, 20))) == ([True, True], [None])


def test_nothing_is_matched_with_nothing() -> None:
    assert matched(spans(), spans()) == ([], [])
    assert matched(spans((1, 2)), spans()) == ([True], [])
    assert matched(spans(), spans((1, 2))) == ([], [None])


@pytest.mark.parametrize(
    ("delays", "share", "expected"),
    [
        ([3, 1, 2, 4], 0.5, 2),
        ([3, 1, 2], 0.5, 2),
        ([1, 2, np.nan, np.nan], 0.5, 2),
        ([1, np.nan, np.nan], 0.5, None),
        (list(range(20)), 0.95, 18),
        ([*range(19), np.nan], 0.95, 18),
        ([*range(18), np.nan, np.nan], 0.95, None),
        ([5], 0.95, 5),
    ],
)
def test_a_delay_within_which_a_share_has_its_alarm(
    delays: list[float], share: float, expected: float | None
) -> None:
    assert delay_within(np.array(delays, dtype=np.float64), share) == expected


@pytest.mark.parametrize(
    ("hits", "of", "able"),
    [
        (1, 1, [True, True, True]),
        (2, 2, [True, False, True]),  # frames 0 and 2 of b are three
        (2, 3, [True, True, True]),
        (3, 3, [False, False, True]),
        (3, 9, [False, False, True]),
        (4, 9, [False, False, False]),
    ],
)
def test_a_clip_can_alarm_if_enough_of_its_frames_are_near(
    hits: int, of: int, able: list[bool]
) -> None:
    timeline = by_number(
        [("a", 0), ("c", 7), ("b", 2), ("a", 1), ("c", 6), ("b", 0), ("c", 5)], fps=1
    )

    assert clips_that_can_alarm(timeline, hits, of).tolist() == able


def test_what_is_merged_has_the_best_score_and_its_own_ends() -> None:
    """The first three are one, in which the second is contained; the fourth begins too late, and
    the last one is of another class."""
    several = Spans(
        clip=np.zeros(5, dtype=np.int64),
        category=np.array([0, 0, 0, 0, 1]),
        start_s=np.array([0.0, 2, 11, 30, 0]),
        end_s=np.array([10.0, 3, 12, 31, 1]),
        score=np.array([0.5, 0.9, 0.4, 0.7, 0.3]),
        first=np.array([10, 11, 12, 13, 14]),
        last=np.array([20, 21, 22, 23, 24]),
    )

    first = merged(several, 5)

    assert first.start_s.tolist() == [0, 30, 0]
    assert first.end_s.tolist() == [12, 31, 1]
    assert first.score.tolist() == [0.9, 0.7, 0.3]
    assert (first.first.tolist(), first.last.tolist()) == ([10, 13, 14], [22, 23, 24])


def test_an_alarm_belongs_to_events_of_its_class_and_clip() -> None:
    """Class 1 of clip 0 at 5 s; events at that time of the classes 0 and 1 of clip 0, 1 of 1."""
    alarm = spans((5, 6), category=1)
    events = joined(
        spans((5, 6), category=0), spans((5, 6), category=1), spans((5, 6), clip=1, category=1)
    )

    result = match_alarms(alarm, events, 0, 0)

    assert result.is_found.tolist() == [False, True, False]
    assert result.false.tolist() == [False]
    assert match_alarms(alarm, spans((5, 6), category=0), 0, 0).false.tolist() == [True]


def test_the_end_of_one_clip_is_not_the_start_of_the_next() -> None:
    """The last of all times in clip 0, the first of them in clip 1."""
    alarms_of_both = joined(spans((100, 101)), spans((50, 51), clip=1))

    result = match_alarms(alarms_of_both, joined(spans((0, 1)), spans((0, 1), clip=1)), 0, 0)

    assert result.is_found.tolist() == [False, False]
    assert result.false.tolist() == [True, True]


def test_a_share_of_many_delays_is_rounded_up() -> None:
    """95% of 30 events are 28.5, so 29 have their alarm; half of 5 are 3."""
    assert delay_within(np.arange(30, dtype=np.float64), 0.95) == 28
    assert delay_within(np.arange(5, dtype=np.float64), 0.5) == 2


def test_near_spans_of_every_class_are_merged() -> None:
    both = joined(spans((0, 1), (2, 3)), spans((0, 1), (2, 3), category=1), spans((2, 3), clip=1))

    first = merged(both, 5)

    assert list(
        zip(first.clip.tolist(), first.category.tolist(), first.end_s.tolist(), strict=True)
    ) == [
        (0, 0, 3),
        (0, 1, 3),
        (1, 0, 3),
    ]


@pytest.mark.parametrize(("start_s", "count"), [(2.5, 1), (2.75, 2), (3.0, 2)])
def test_alarms_a_cooldown_apart_within_the_tolerance_are_two(
    monkeypatch: pytest.MonkeyPatch, start_s: float, count: int
) -> None:
    """Times no further apart than a quarter of a second are equal here: 1.75 s is 2 s."""
    monkeypatch.setattr("pytest_detgate.scoring.alarms.debounce.TOLERANCE_S", 0.25)

    assert len(merged(spans((0, 1), (start_s, 4)), cooldown_s=2)) == count


@pytest.mark.parametrize(
    ("start_s", "alarm"), [(7.5, -1), (7.75, 0), (20, 0), (30.25, 0), (30.5, -1)]
)
def test_an_alarm_counts_within_the_tolerance(
    monkeypatch: pytest.MonkeyPatch, start_s: float, alarm: int
) -> None:
    """An event from 10 to 20 s, 2 s before it and 10 s after it, and a quarter of a second."""
    monkeypatch.setattr("pytest_detgate.scoring.alarms.matching.TOLERANCE_S", 0.25)

    matches = match_alarms(spans((start_s, 40)), spans((10, 20)), before_s=2, after_s=10)

    assert matches.alarm.tolist() == [alarm]


def test_an_alarm_has_the_best_score_while_it_lasts() -> None:
    """Frames 0 to 2 are one alarm, frame 9 another."""
    seen = sightings_of(
        by_number([("a", number) for number in range(10)], fps=1),
        np.array([0, 1, 2, 9]),
        np.zeros(4, dtype=np.int64),
        np.array([[0.0, 0, 9, 9]] * 4),
        np.array([0.5, 0.9, 0.4, 0.6]),
    )

    result = debounced(seen, np.array([0, 0, 0, 3]), seen.score > 0.3, 1, 1)

    assert result.score.tolist() == [0.9, 0.6]


def test_a_later_clip_is_not_another_class() -> None:
    """Of two classes, class 0 of clip 2 and class 1 of clip 0 are two groups."""
    events = joined(spans((5, 6), category=1), spans((5, 6), clip=2))

    result = match_alarms(spans((5, 6), clip=2), events, 0, 0)

    assert result.is_found.tolist() == [False, True]
