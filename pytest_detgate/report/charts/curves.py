"""A curve of a line chart: its points, its gaps and its look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import Panel, Series
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.axes import Look
from pytest_detgate.report.charts.svg import Area, Sheet

# Series with a separate look; those after them are grey, and beyond LARGEST not drawn.
NAMED, LARGEST = 8, 60
_FEW_POINTS = 24
Point = tuple[float, float | None, float | None, float | None]
"""A place on the axis, and there the value and its bounds."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What of a series can be drawn: points `(x, y, low, high)`, y None for a gap."""

    name: str
    points: list[Point]
    look: Look | None

    def values(self) -> list[float]:
        return [value for point in self.points for value in point[1:] if value is not None]


def points_of(series: Series) -> Iterable[Point]:
    """Return the points of a series, `(x, y, low, high)`."""
    nothing: list[float | None] = [None] * len(series.x)
    return zip(series.x, series.y, series.low or nothing, series.high or nothing, strict=False)


def curves_of(panel: Panel) -> list[Curve]:
    """Return what can be drawn of a panel; curves after the first have no look."""
    curves = []
    for index, series in enumerate(panel.series[:LARGEST]):
        points = []
        for x, *values in points_of(series):
            position = scales.finite(x)
            if position is not None:
                y, low, high = map(scales.finite, values)
                points.append((position, y, low, high))
        curves.append(Curve(series.name, points, frame.look_of(index) if index < NAMED else None))
    return curves


def end_of(curve: Curve) -> tuple[float, float] | None:
    """Return the last point of a curve."""
    known = [(x, y) for x, y, _, _ in curve.points if y is not None]
    return max(known) if known else None


def draw_curve(paper: Sheet, area: Area, curve: Curve, form: str) -> None:
    """Draw a curve with its band or whiskers, and its points where there are few."""
    look = curve.look or Look("line", (), "disc")
    runs = _runs(curve, form)
    bands = []
    for run in runs:
        edge = [(x, low, high) for x, _, low, high in run if low is not None and high is not None]
        if form != "dots" and len(edge) == len(run) > 1:
            bands.append(
                [(x, low) for x, low, _ in edge] + [(x, high) for x, _, high in edge[::-1]]
            )
    paper.fills(bands, "band", look.tone, 0.16, area=area)
    if form == "dots":
        whiskers = [
            [(x, low), (x, high)]
            for run in runs
            for x, _, low, high in run
            if low is not None and high is not None
        ]
        paper.lines(whiskers, "whisker", look.tone, area=area)
    else:
        lines = [[(x, y) for x, y, _, _ in run] for run in runs if len(run) > 1]
        width = 1.75 if curve.look else 0.75
        paper.lines(lines, "curve", look.tone, width, area=area, dash=look.dash, thin=True)
    known = [(x, y) for x, y, _, _ in curve.points if y is not None]
    alone = [(run[0][0], run[0][1]) for run in runs if len(run) == 1]
    if form == "dots" or (form == "line" and len(known) <= _FEW_POINTS):
        alone = known
    positions = [area.pixel(x, y) for x, y in alone]
    paper.shapes(positions, look.shape if form == "dots" else "disc", look.tone, 5)


def _runs(curve: Curve, form: str) -> list[list[tuple[float, float, float | None, float | None]]]:
    """Split the points at gaps; those of steps get their corners."""
    runs: list[list[tuple[float, float, float | None, float | None]]] = [[]]
    for x, y, low, high in curve.points:
        if form == "step" and runs[-1]:
            # What is there, a value or a gap, holds until this point.
            runs[-1].append((x, *runs[-1][-1][1:]))
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y, low, high))
    return [run for run in runs if run]


def unnamed(curves: Sequence[Sequence[Curve]]) -> str:
    """Say how many curves have no colour and name."""
    most = max((len(panel) for panel in curves), default=0)
    if most <= NAMED:
        return ""
    drawn = most if most < LARGEST else LARGEST
    return f"The first {NAMED} curves have colours and names; {drawn - NAMED} more are grey."
