"""Curves over one axis, in panels above each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import LineChart, Mark, Panel
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.axes import Key
from pytest_detgate.report.charts.curves import (
    NAMED,
    Curve,
    Point,
    curves_of,
    draw_curve,
    end_of,
    points_of,
    unnamed,
)
from pytest_detgate.report.charts.svg import Area, Drawn, Scale, Sheet
from pytest_detgate.report.charts.text_layout import apart, plain, width_of

_LABEL_GAP = 14.0
_HEAD = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A panel and its axis of values, without its place on the sheet."""

    panel: Panel
    curves: list[Curve]
    limits: list[Mark]
    y: tuple[float, float]
    ticks: list[float]
    words: list[str]

    def points(self) -> Iterator[Point]:
        return (point for curve in self.curves for point in curve.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan(_Prepared):
    """A panel, and where everything of it is on the sheet. `direct` says that names are at the
    ends of its curves; `own_marks` have words on its lines `own_rows`."""

    own_marks: list[Mark]
    own_rows: list[int]
    shared_marks: list[Mark]
    direct: bool
    keys: list[Key]
    top: float
    plot_top: float
    bottom: float


def draw(chart: LineChart, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    small = frame.narrow(width)
    prepared = [_prepared(chart, panel) for panel in chart.panels]
    x = _x_bounds(chart, [plan.curves for plan in prepared])
    left = 8 + max((frame.widest(plan.words) for plan in prepared), default=20)
    height = _height(chart, small)
    direct = [not small and _ends_apart(plan, x, height) for plan in prepared]
    right = width - _room_for_names(prepared, direct)
    along = Scale(*x, left, right)
    plans = _plans(chart, prepared, direct, along, width, height)
    paper = Sheet(width, (plans[-1].bottom if plans else 20) + frame.LINE * 2 + 8)
    for plan in plans:
        area = paper.area(left, plan.plot_top, right, plan.bottom, x=x, y=plan.y)
        _draw_panel(paper, area, plan, chart.form)
        if plan is plans[-1]:
            is_whole = _whole([point[0] for plan in prepared for point in plan.points()])
            ticks = scales.ticks(*x, 4 if small else 8, whole=is_whole)
            frame.draw_base(paper, area, ticks, scales.tick_words(ticks), chart.label)
    if chart.score_axis and plans:
        across = frame.marks_on("x", chart.marks)
        at_score = across[0].at if across else 0.0
        positions = along.pixel(at_score), along.pixel(0), along.pixel(1)
        paper.moving(*positions, plans[0].plot_top, plans[-1].bottom, shown=bool(across))
    notes = [frame.unsaid(plan.own_marks, plan.own_rows) for plan in plans]
    notes.append(unnamed([plan.curves for plan in prepared]))
    return paper.finish(name, chart.title, " ".join(filter(None, notes)))


def _prepared(chart: LineChart, panel: Panel) -> _Prepared:
    curves = curves_of(panel)
    limits = frame.marks_on("y", [*chart.marks, *panel.marks])
    known = [value for curve in curves for value in curve.values()]
    y = scales.bounds([*known, *(mark.at for mark in limits)], panel.span, room=0.06)
    ticks = scales.ticks(*y, 5 if len(chart.panels) == 1 else 3, whole=_whole(known))
    words = scales.tick_words(ticks)
    return _Prepared(panel=panel, curves=curves, limits=limits, y=y, ticks=ticks, words=words)


def _room_for_names(prepared: Sequence[_Prepared], direct: Sequence[bool]) -> float:
    """How far from the right edge curves end, so that names have room behind them."""
    widths = [
        width_of(plain(word))
        for plan, alone in zip(prepared, direct, strict=True)
        if alone
        for word in _end_words(plan)
    ]
    return min(max(widths) + 12, 170.0) if widths else 12.0


def _plans(
    chart: LineChart,
    prepared: Sequence[_Prepared],
    direct: Sequence[bool],
    along: Scale,
    width: float,
    height: float,
) -> list[_Plan]:
    """Put the panels above each other. Marks of all panels have their words over the first."""
    across = frame.marks_on("x", chart.marks)
    plans: list[_Plan] = []
    top = 0.0
    for plan, alone in zip(prepared, direct, strict=True):
        keys = [] if alone else _keys(plan)
        own = [*(() if plans else across), *frame.marks_on("x", plan.panel.marks)]
        rows = frame.mark_rows(own, along.pixel, width)
        above = _HEAD + frame.key_height(keys, width - along.start) + frame.marks_height(rows)
        plans.append(
            _Plan(
                panel=plan.panel,
                curves=plan.curves,
                limits=plan.limits,
                own_marks=own,
                own_rows=rows,
                shared_marks=across if plans else [],
                y=plan.y,
                ticks=plan.ticks,
                words=plan.words,
                direct=alone,
                keys=keys,
                top=top,
                plot_top=top + above,
                bottom=top + above + height,
            )
        )
        top = plans[-1].bottom + 14
    return plans


def table(chart: LineChart) -> tables.Table:
    """Give the values by their place on the axis."""
    series = [(panel, curve) for panel in chart.panels for curve in panel.series]
    several = len(chart.panels) > 1
    shown = series[: tables.COLUMNS]
    cells: dict[float, dict[int, str]] = {}
    for index, (_, curve_series) in enumerate(shown):
        for x, y, low, high in points_of(curve_series):
            cells.setdefault(x, {})[index] = tables.cell_with_bounds(y, low, high)
    marked = {mark.at for mark in chart.marks if mark.axis == "x"}
    chosen, caption = tables.spread(sorted(cells), "point", keep=marked)
    heads = [f"{panel.label}: {series.name}" if several else series.name for panel, series in shown]
    if len(series) > len(shown):
        caption += f" {len(shown)} of {len(series)} curves."
    return tables.Table(
        columns=[chart.label, *heads],
        rows=[
            [tables.cell(x), *(cells[x].get(index, tables.NOTHING) for index in range(len(shown)))]
            for x in chosen
        ],
        caption=caption,
    )


def _x_bounds(chart: LineChart, curves: Sequence[Sequence[Curve]]) -> tuple[float, float]:
    known = [point[0] for panel in curves for curve in panel for point in curve.points]
    marks = [*chart.marks, *(mark for panel in chart.panels for mark in panel.marks)]
    positions = [mark.at for mark in marks if mark.axis == "x"]
    ends = [*known, *positions, *(chart.span or ((0.0, 1.0) if chart.score_axis else ()))]
    finite = [value for value in map(scales.finite, ends) if value is not None]
    # A span of values leaves no room at its ends, as curves begin and end on the frame.
    return scales.bounds([], (min(finite), max(finite)) if finite else None)


def _whole(values: Sequence[float]) -> bool:
    return all(value.is_integer() for value in values)


def _height(chart: LineChart, small: bool) -> float:
    if len(chart.panels) <= 1:
        return 180.0 if small else 220.0
    return 110.0 if small else 130.0


def _named(prepared: _Prepared) -> list[Curve]:
    """The curves whose names are not those of the panel itself."""
    named = [curve for curve in prepared.curves if curve.look]
    is_panel = len(prepared.curves) == 1 and named and named[0].name == prepared.panel.label
    return [] if is_panel else named


def _end_words(prepared: _Prepared) -> list[str]:
    return [curve.name for curve in _named(prepared)] + [mark.label for mark in prepared.limits]


def _keys(prepared: _Prepared) -> list[Key]:
    keys = [Key(curve.name, curve.look) for curve in _named(prepared)]
    return keys + [Key(mark.label) for mark in prepared.limits]


def _ends_apart(prepared: _Prepared, x: tuple[float, float], height: float) -> bool:
    """Return whether there is room for names at the ends of the curves, each near its own."""
    if len(prepared.curves) > NAMED:
        return False
    ends = [end_of(curve) for curve in prepared.curves]
    if any(end is None or end[0] < x[1] - 0.02 * (x[1] - x[0]) for end in ends):
        return False
    positions = [_down(end[1], prepared.y, height) for end in ends if end]
    positions += [_down(mark.at, prepared.y, height) for mark in prepared.limits]
    moved = apart(positions, _LABEL_GAP, 0, height)
    near = all(abs(a - b) <= 20 for a, b in zip(positions, moved, strict=True))
    return near and (not moved or min(moved) >= -10)


def _down(value: float, y: tuple[float, float], height: float) -> float:
    return (y[1] - value) / (y[1] - y[0]) * height


def _draw_panel(paper: Sheet, area: Area, plan: _Plan, form: str) -> None:
    frame.draw_values(paper, area, plan.ticks, plan.words)
    paper.text(
        0, plan.top + 12, plan.panel.label, tone="ink", bold=True, room=paper.width, over=True
    )
    key_top = plan.top + _HEAD
    frame.draw_key(paper, plan.keys, area.left, key_top, paper.width - area.left, form)
    # The curves that are named first are drawn last, over the others.
    for curve in reversed(plan.curves):
        draw_curve(paper, area, curve, form)
    for mark in plan.limits:
        y = area.pixel(0, mark.at)[1]
        paper.lines([[(area.left, y), (area.right, y)]], "mark", "ink", dash=frame.MARK_DASH)
    marks = [*plan.shared_marks, *plan.own_marks]
    rows = [*[-1] * len(plan.shared_marks), *plan.own_rows]
    frame.draw_marks(paper, area, marks, rows, paper.width)
    if plan.direct:
        _write_ends(paper, area, plan)


def _write_ends(paper: Sheet, area: Area, plan: _Plan) -> None:
    words_at: list[tuple[float, str, str]] = []
    for curve in _named(plan):
        end = end_of(curve)
        if end and curve.look:
            words_at.append((area.pixel(*end)[1], curve.name, curve.look.tone))
    for mark in plan.limits:
        words_at.append((area.pixel(0, mark.at)[1], mark.label, "ink"))
    moved = apart([y for y, _, _ in words_at], _LABEL_GAP, area.top, area.bottom)
    for (y, name, tone), to in zip(words_at, moved, strict=True):
        if abs(to - y) > 3:
            paper.lines([[(area.right + 2, y), (area.right + 9, to)]], "leader", tone)
        room = paper.width - area.right - 10
        paper.text(area.right + 10, to + 4, name, tone=tone, room=room)
