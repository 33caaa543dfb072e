"""Clips over time: spans stand at their seconds, each kind on its lane."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_detgate.evidence import ClipTimes, Timeline
from pytest_detgate.report.charts.draw import drawing_of

from .reading import Plot, narrow, scale, wide
from .samples import timeline

BOTH = pytest.mark.parametrize("drawn", [wide, narrow], ids=["wide", "narrow"])
Draw = Callable[[Timeline], Plot]


@BOTH
def test_spans_stand_at_their_seconds(drawn: Draw) -> None:
    plot = drawn(timeline())
    base = plot.runs("axis")[0]
    x = scale((base[0][0], 0), (base[1][0], 20))

    def seconds(kind: str) -> list[list[float]]:
        return [[x(position) for position, _ in run] for run in plot.runs(kind)]

    assert seconds("events") == [pytest.approx([1, 5], abs=0.1)]
    assert seconds("fires") == [
        pytest.approx([1, 4], abs=0.1),
        pytest.approx([9, 9.5], abs=0.1),
    ]
    assert seconds("alarms") == [pytest.approx([1.5, 4], abs=0.1)]
    assert seconds("false") == [pytest.approx([9.25, 9.5], abs=0.15)]


@BOTH
def test_each_kind_has_its_lane(drawn: Draw) -> None:
    plot = drawn(timeline())
    heights = [plot.runs(kind)[0][0][1] for kind in ("events", "fires", "alarms", "false")]

    assert heights[1] - heights[0] == pytest.approx(9, abs=0.2)
    assert heights[2] - heights[1] == pytest.approx(9, abs=0.2)
    assert heights[3] == heights[2]


def test_a_clip_says_how_many_of_its_alarms_are_false() -> None:
    assert {"1 false", "none"} <= set(wide(timeline()).words())
    only = ClipTimes(clip="a", seconds=9.0, alarms=[(1.0, 2.0)])
    assert "1 alarm" in wide(Timeline(title="t", about="a", clips=[only], total=1)).words()


def test_a_span_too_short_to_see_is_drawn_all_the_same() -> None:
    clip = ClipTimes(clip="a", seconds=36000.0, false=[(7.0, 7.0)])
    (run,) = wide(Timeline(title="t", about="a", clips=[clip], total=1)).runs("false")

    assert run[1][0] - run[0][0] == pytest.approx(2, abs=0.11)


def test_the_table_says_when_alarms_are() -> None:
    drawing = drawing_of(timeline("yard_1"), "chart")

    assert drawing.columns == ["Clip", "Seconds", "Events", "Alarms of an event", "False alarms"]
    assert drawing.rows[0] == ["yard_1", "20", "1–5", "1.5–4", "9.25–9.5"]
    assert drawing.rows[1] == ["yard", "10", "–", "–", "–"]
    assert drawing.caption == "2 of 7 clips."


def test_many_spans_are_counted() -> None:
    clip = ClipTimes(
        clip="a", seconds=99.0, false=[(float(number), number + 0.5) for number in range(8)]
    )
    drawing = drawing_of(Timeline(title="t", about="a", clips=[clip], total=1), "chart")

    assert drawing.rows[0][4] == "0–0.5, 1–1.5, 2–2.5, 3–3.5, 4–4.5 and 3 more"
