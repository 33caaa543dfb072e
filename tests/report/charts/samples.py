"""One chart of each kind, small enough to check by hand, and charts that are hard to draw."""

from __future__ import annotations

from typing import Any

from pytest_detgate.evidence import (
    Bar,
    BarChart,
    Chart,
    ClipLine,
    ClipMap,
    ClipTimes,
    Histogram,
    LineChart,
    Mark,
    Matrix,
    Panel,
    Series,
    Timeline,
)

# Everything at once: markup, mathematics, quotes, a bidi override, controls, letters of all widths.
HOSTILE = (
    '<b onclick="x">&amp; $x^2$ \\frac ]]> \'\u202egnp.exe\x00\x1b\ufffe'
    "漢字 عربي 😀👷\u200d♂\ufe0f \ud800" + "w" * 90
)


def lines(name: str = "helmet", label: str = "score threshold") -> LineChart:
    """Two panels over a score axis: false boxes with bounds and a limit, and recall with a gap."""
    return LineChart(
        title=f"{name} by threshold",
        about=f"What {name} says.",
        label=label,
        score_axis=True,
        span=(0, 1),
        marks=[Mark(label=f"operating point of {name}", at=0.3)],
        panels=[
            Panel(
                label="False boxes",
                series=[
                    Series(
                        name=name,
                        x=[0, 0.25, 0.5, 0.75, 1],
                        y=[40, 20, 10, 6, 0],
                        low=[30, 15, 8, 2, 0],
                        high=[50, 25, 14, 9, 3],
                    )
                ],
                span=(0, 50),
                marks=[Mark(label=f"limit of {name}", at=21, axis="y")],
            ),
            Panel(
                label="Recall",
                series=[
                    Series(name=name, x=[0, 0.25, 0.5, 0.75, 1], y=[1, 0.9, None, 0.4, 0]),
                    Series(name="other", x=[0, 0.5, 1], y=[0.8, 0.6, 0.3]),
                ],
                span=(0, 1),
            ),
        ],
    )


def bars(name: str = "helmet", label: str = "AP") -> BarChart:
    return BarChart(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        label=label,
        span=(0, 1),
        bars=[
            Bar(name=name, value=0.9, low=0.85, high=0.95, limit=0.8, passed=True),
            Bar(name="bare", value=0.5, low=0.3, high=0.7, limit=0.6, passed=False),
            Bar(name="vest", value=None),
        ],
    )


def bins(name: str = "train", label: str = "height") -> Histogram:
    return Histogram(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        label=label,
        edges=[0, 10, 20, 40],
        counts={name: [50, 30, 20], "val": [1, 4, 5]},
        marks=[Mark(label=f"small of {name}", at=32)],
    )


def names(name: str = "helmet", label: str = "class") -> Histogram:
    return Histogram(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        label=label,
        names=[name, "bare"],
        counts={"train": [75, 25], "val": [10, 30]},
    )


def matrix(name: str = "helmet", label: str = "true") -> Matrix:
    return Matrix(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        row_label=label,
        column_label="detected",
        rows=[name, "bare", "background"],
        columns=[name, "bare", "background"],
        counts=[[80, 15, 5], [0, 30, 10], [7, 0, 0]],
    )


def clips(name: str = "site_1", label: str = "Clips") -> ClipMap:
    """In the first clip frames 8 and 12 are near across the split, and 40 is in both splits."""
    return ClipMap(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        splits=["train", "val"],
        within=6,
        total=9,
        clips=[
            ClipLine(clip=name, frames={"train": [0, 4, 8, 40], "val": [12, 16, 30, 40, 50]}),
            ClipLine(clip="yard", frames={"train": [0, 10, 20], "val": [60, 70, 100]}),
        ],
    )


def timeline(name: str = "site_1", label: str = "Alarms") -> Timeline:
    """In the first clip one event with its alarm, and one false alarm; nothing in the second."""
    return Timeline(
        title=f"{label} of {name}",
        about=f"What {name} says.",
        total=7,
        clips=[
            ClipTimes(
                clip=name,
                seconds=20.0,
                fires=[(1.0, 4.0), (9.0, 9.5)],
                alarms=[(1.5, 4.0)],
                false=[(9.25, 9.5)],
                events=[(1.0, 5.0)],
            ),
            ClipTimes(clip="yard", seconds=10.0),
        ],
    )


def every(name: str, label: str) -> dict[str, Chart]:
    """All kinds, with a name and a label wherever there are some."""
    return {
        "lines": lines(name, label),
        "bars": bars(name, label),
        "bins": bins(name, label),
        "names": names(name, label),
        "matrix": matrix(name, label),
        "clips": clips(name, label),
        "timeline": timeline(name, label),
    }


SAMPLES: dict[str, Chart] = every("helmet", "score")


def _lines(*panels: Panel, **more: Any) -> LineChart:
    return LineChart(title="t", about="a", label="x", panels=list(panels), **more)


def _panel(x: list[float], y: list[float | None], **more: Any) -> Panel:
    return Panel(label="y", series=[Series(name="s", x=x, y=y)], **more)


def _bars(*bars: Bar) -> BarChart:
    return BarChart(title="t", about="a", label="x", bars=list(bars))


def _histogram(**more: Any) -> Histogram:
    return Histogram(title="t", about="a", label="x", **more)


def _matrix(rows: list[str], columns: list[str], counts: list[list[int]]) -> Matrix:
    return Matrix(
        title="t",
        about="a",
        row_label="r",
        column_label="c",
        rows=rows,
        columns=columns,
        counts=counts,
    )


def _clips(*clips: ClipLine, splits: tuple[str, ...] = ("a", "b")) -> ClipMap:
    return ClipMap(
        title="t", about="a", splits=list(splits), clips=list(clips), total=len(clips), within=3
    )


def _timeline(*clips: ClipTimes) -> Timeline:
    return Timeline(title="t", about="a", clips=list(clips), total=len(clips))


_MANY = [f"class_{number}" for number in range(300)]
DEGENERATE: dict[str, Chart] = {
    "no clips on a timeline": _timeline(),
    "a clip of no length": _timeline(ClipTimes(clip="a", seconds=0.0, fires=[(0.0, 0.0)])),
    "many clips on a timeline": _timeline(
        *(
            ClipTimes(clip=f"clip {number}", seconds=1.0 + number, false=[(0.5, 1.0)])
            for number in range(50)
        )
    ),
    "no panels": _lines(),
    "no panels on a score axis": _lines(score_axis=True),
    "no series": _lines(Panel(label="y", series=[])),
    "no points": _lines(_panel([], [])),
    "no values": _lines(_panel([1, 2, 3], [None, None, None])),
    "one point": _lines(_panel([3], [7])),
    "one step": _lines(_panel([3], [7]), form="step"),
    "one dot": _lines(_panel([3], [7]), form="dots"),
    "all equal": _lines(_panel([1, 2, 3], [5, 5, 5])),
    "all zero": _lines(_panel([0, 0, 0], [0, 0, 0])),
    "negative": _lines(_panel([-3, -2], [-7, -900])),
    "huge": _lines(_panel([0, 1], [1e300, -1e300])),
    "large": _lines(_panel([0, 1e12], [3e14, 1e15])),
    "tiny": _lines(_panel([0, 1e-12], [0, 1e-320])),
    "not finite": _lines(_panel([0, 1, 2], [float("nan"), float("inf"), 1])),
    "fewer values than places": _lines(_panel([0, 1, 2], [1])),
    "span of no length": _lines(_panel([0], [0], span=(2, 2)), span=(1, 1)),
    "marks outside": _lines(_panel([0, 1], [0, 1], marks=[Mark(label="far", at=9e9, axis="y")])),
    "many marks": _lines(
        _panel([0, 1], [0, 1]), marks=[Mark(label="mark " * 9, at=0.5) for _ in range(20)]
    ),
    "many curves": _lines(
        Panel(label="y", series=[Series(name="s", x=[0, 1], y=[0, number]) for number in range(90)])
    ),
    "no bars": _bars(),
    "bars without values": _bars(Bar(name="", value=None), Bar(name="", value=None)),
    "equal names": _bars(Bar(name="a", value=1), Bar(name="a", value=1)),
    "300 bars": _bars(*(Bar(name=name, value=-index) for index, name in enumerate(_MANY))),
    "huge bars": _bars(Bar(name="a", value=1e300), Bar(name="b", value=10**18)),
    "no counts": _histogram(counts={}),
    "no bins": _histogram(counts={"a": []}, edges=[1]),
    "empty bins": _histogram(counts={"a": [0, 0], "b": [0, 0]}, edges=[0, 1, 2], log=True),
    "bins of no width": _histogram(counts={"a": [1, 2]}, edges=[3, 3, 3]),
    "300 names": _histogram(counts={"a": list(range(300))}, names=_MANY, log=True),
    "huge counts": _histogram(counts={"a": [10**18, 1]}, names=["a", "a"], log=True),
    "no cells": _matrix([], [], []),
    "cells without counts": _matrix(["a", "a"], ["a", "a"], [[0, 0], [0, 0]]),
    "counts missing": _matrix(["a", "b"], ["a", "b", "c"], [[1]]),
    "300 classes": _matrix(_MANY, _MANY, [[1] * 300] * 300),
    "no clips": _clips(),
    "no splits": _clips(ClipLine(clip="a", frames={"x": [1]}), splits=()),
    "clips without frames": _clips(ClipLine(clip="a", frames={})),
    "one frame": _clips(ClipLine(clip="a", frames={"a": [7]})),
    "300 clips": _clips(*(ClipLine(clip=name, frames={"a": [1], "b": [2]}) for name in _MANY)),
    "clips far apart": _clips(
        ClipLine(clip="a", frames={"a": [10**12]}), ClipLine(clip="b", frames={"b": [-5, 9]})
    ),
}
