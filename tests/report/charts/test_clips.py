"""Clip maps: frames on their lines, and the neighbours that cross a split."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_detgate.evidence import ClipLine, ClipMap
from pytest_detgate.report.charts.clips import crossings, nearest
from pytest_detgate.report.charts.draw import drawing_of

from .reading import Plot, narrow, scale, wide
from .samples import clips

BOTH = pytest.mark.parametrize("drawn", [wide, narrow], ids=["wide", "narrow"])
Draw = Callable[[ClipMap], Plot]


def test_neighbours_of_different_splits_are_found() -> None:
    site, yard = clips().clips

    # 0 4 8 | 12 16 30 40 | 40 | 50: from train 8 to val 12, and 40 in both; 10 is too far from 40.
    assert crossings(site, ["train", "val"], 6) == [(0, 8, 1, 12), (0, 40, 1, 40)]
    assert crossings(site, ["train", "val"], 3) == [(0, 40, 1, 40)]
    assert crossings(site, ["train", "val"], 10) == [
        (0, 8, 1, 12),
        (1, 30, 0, 40),
        (0, 40, 1, 40),
    ]
    assert crossings(yard, ["train", "val"], 6) == []
    assert (nearest(site, ["train", "val"]), nearest(yard, ["train", "val"])) == (0, 40)
    assert nearest(ClipLine(clip="c", frames={"train": [1, 2]}), ["train", "val"]) is None


@BOTH
def test_frames_stand_at_their_numbers(drawn: Draw) -> None:
    plot = drawn(clips())
    base = plot.runs("axis")[0]
    x = scale((base[0][0], 0), (base[1][0], 100))

    # The first of each kind is in the key. Frames are drawn to half a pixel.
    train = [run for run in plot.runs("point") if run[0][0] == run[1][0] and run[0][1] != run[1][1]]
    val = [run for run in plot.runs("point") if run[0] == run[1]]
    assert [round(x(run[0][0])) for run in train[1:]] == [0, 4, 8, 40, 0, 10, 20]
    assert [round(x(run[0][0])) for run in val[1:]] == [12, 16, 30, 40, 50, 60, 70, 100]
    # Splits are on lines of their own, and shapes of their own.
    first_train, first_val = train[1], val[1]
    assert first_val[0][1] - (first_train[0][1] + first_train[1][1]) / 2 == pytest.approx(
        8, abs=0.2
    )


@BOTH
def test_crossings_are_drawn_from_one_frame_to_the_other(drawn: Draw) -> None:
    plot = drawn(clips())
    base = plot.runs("axis")[0]
    x = scale((base[0][0], 0), (base[1][0], 100))

    _, *lines = plot.runs("crossing")
    assert [[round(x(a), 1) for a, _ in line] for line in lines] == [
        pytest.approx([8, 12], abs=0.3),
        pytest.approx([40, 40], abs=0.3),
    ]
    assert all(line[1][1] - line[0][1] == pytest.approx(8, abs=0.2) for line in lines)
    assert {"2 pairs", "none"} <= set(plot.words())


def test_clips_that_are_numbered_far_apart_begin_together() -> None:
    far = [
        ClipLine(clip="a", frames={"train": [100_000, 100_050], "val": [100_100]}),
        ClipLine(clip="b", frames={"train": [900_000], "val": [900_040]}),
    ]
    chart = ClipMap(title="t", about="a", splits=["train", "val"], clips=far, total=2, within=6)
    plot = wide(chart)
    base = plot.runs("axis")[0]
    x = scale((base[0][0], 0), (base[1][0], 100))

    assert "frames after the first of the clip" in plot.words()
    train = [run for run in plot.runs("point") if run[0][1] != run[1][1]]
    assert [round(x(run[0][0])) for run in train[1:]] == [0, 50, 0]


def test_ten_thousand_frames_are_drawn_as_what_is_seen_of_them() -> None:
    numbers = list(range(10_000))
    line = ClipLine(clip="long", frames={"train": numbers[::2], "val": numbers[1::2]})
    chart = ClipMap(title="t", about="a", splits=["train", "val"], clips=[line], total=1, within=1)
    drawing = drawing_of(chart, "one")

    assert len(drawing.svg) < 60_000
    assert drawing.rows == [["long", "5,000", "5,000", "1", "9,999"]]


def test_the_table_has_the_counts() -> None:
    drawing = drawing_of(clips(), "one")

    assert drawing.columns == [
        "Clip",
        "Frames in train",
        "Frames in val",
        "Least distance",
        "Neighbours within 6",
    ]
    assert drawing.rows == [["site_1", "4", "5", "0", "2"], ["yard", "3", "3", "40", "0"]]
    assert drawing.caption == "2 of 9 clips."
