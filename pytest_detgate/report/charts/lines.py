"""Curves over one axis, in panels above each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.axes import Key, Look
from pytest_detgate.report.charts.svg import Area, Drawn, Sheet
from pytest_detgate.report.charts.text_layout import apart, plain, width_of

# Series with a look of their own; those after them are grey, and beyond LARGEST not drawn.
TOLD, LARGEST = 8, 60
_LABEL_GAP = 14.0
_HEAD = 24.0
_FEW_POINTS = 24


@dataclass(frozen=True, slots=True)
class _Curve:
    """What of a series can be drawn: points `(x, y, low, high)`, y None for a gap."""

    name: str
    points: list[tuple[float, float | None, float | None, float | None]]
    look: Look | None

    def values(self) -> list[float]:
        return [value for point in self.points for value in point[1:] if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A panel, and where everything of it is on the sheet."""

    panel: Panel
    curves: list[_Curve]
    limits: list[Mark]
    across: list[Mark]
    y: tuple[float, float]
    ticks: list[float]
    words: list[str]
    direct: bool
    keys: list[Key]
    rows: list[int]
    top: float
    plot_top: float
    bottom: float


def draw(chart: LineChart, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    small = frame.narrow(width)
    across = frame.marks_on("x", chart.marks)
    curves = [_curves(panel) for panel in chart.panels]
    x = _x_bounds(chart, curves)
    prepared = []
    for at, panel in enumerate(chart.panels):
        limits = frame.marks_on("y", [*chart.marks, *panel.marks])
        own = frame.marks_on("x", panel.marks)
        known = [value for curve in curves[at] for value in curve.values()]
        y = scales.bounds([*known, *(mark.at for mark in limits)], panel.span, room=0.06)
        ticks = scales.ticks(*y, 5 if len(chart.panels) == 1 else 3, whole=_whole(known))
        prepared.append((panel, curves[at], limits, own, y, ticks, scales.tick_words(ticks)))
    left = 8 + max((frame.widest(entry[6]) for entry in prepared), default=20)
    direct = [
        not small and _ends_apart(entry[1], entry[2], x, entry[4], _height(chart, small))
        for entry in prepared
    ]
    told = [
        width_of(plain(word))
        for entry, alone in zip(prepared, direct, strict=True)
        if alone
        for word in _end_words(entry[0], entry[1], entry[2])
    ]
    right = width - (min(max(told) + 12, 170.0) if told else 12.0)

    def place(value: float) -> float:
        return left + (value - x[0]) / (x[1] - x[0]) * (right - left)

    plans: list[_Plan] = []
    below = 0.0
    silent: list[str] = []
    for at, (panel, drawn, limits, own, y, ticks, said) in enumerate(prepared):
        keys = [] if direct[at] else _keys(panel, drawn, limits)
        marks = [*(across if at == 0 else []), *own]
        rows = frame.mark_rows(marks, place, width)
        silent.append(frame.unsaid(marks, rows))
        if at:
            rows = [-1] * len(across) + rows
            marks = [*across, *marks]
        height = _HEAD + frame.key_height(keys, width - left) + frame.marks_height(rows)
        plot_top = below + height
        bottom = plot_top + _height(chart, small)
        plans.append(
            _Plan(
                panel=panel,
                curves=drawn,
                limits=limits,
                across=marks,
                y=y,
                ticks=ticks,
                words=said,
                direct=direct[at],
                keys=keys,
                rows=rows,
                top=below,
                plot_top=plot_top,
                bottom=bottom,
            )
        )
        below = bottom + 14
    base = frame.LINE * 2 + 8
    paper = Sheet(width, (plans[-1].bottom if plans else 20) + base)
    for plan in plans:
        area = paper.area(left, plan.plot_top, right, plan.bottom, x=x, y=plan.y)
        _draw_panel(paper, area, plan, chart.form)
        if plan is plans[-1]:
            ticks = scales.ticks(*x, 4 if small else 8, whole=_whole_x(curves))
            frame.draw_base(paper, area, ticks, scales.tick_words(ticks), chart.label)
    if chart.score_axis and plans:
        at_score = across[0].at if across else 0.0
        ends = plans[0].plot_top, plans[-1].bottom
        paper.moving(place(at_score), place(0), place(1), *ends, shown=bool(across))
    return paper.finish(name, chart.title, " ".join(filter(None, [*silent, _unseen(curves)])))


def table(chart: LineChart) -> tables.Table:
    """Give the values by their place on the axis."""
    series = [(panel, one) for panel in chart.panels for one in panel.series]
    several = len(chart.panels) > 1
    shown = series[: tables.COLUMNS]
    cells: dict[float, dict[int, str]] = {}
    for at, (_, one) in enumerate(shown):
        for x, y, low, high in _raw(one):
            cells.setdefault(x, {})[at] = tables.said_with_bounds(y, low, high)
    marked = {mark.at for mark in chart.marks if mark.axis == "x"}
    chosen, caption = tables.spread(sorted(cells), "point", keep=marked)
    heads = [f"{panel.label}: {one.name}" if several else one.name for panel, one in shown]
    if len(series) > len(shown):
        caption += f" {len(shown)} of {len(series)} curves."
    return tables.Table(
        columns=[chart.label, *heads],
        rows=[
            [tables.said(x), *(cells[x].get(at, tables.NOTHING) for at in range(len(shown)))]
            for x in chosen
        ],
        caption=caption,
    )


def _raw(
    series: Series,
) -> Iterable[tuple[float, float | None, float | None, float | None]]:
    nothing: list[float | None] = [None] * len(series.x)
    return zip(series.x, series.y, series.low or nothing, series.high or nothing, strict=False)


def _curves(panel: Panel) -> list[_Curve]:
    found = []
    for at, series in enumerate(panel.series[:LARGEST]):
        points = []
        for x, *values in _raw(series):
            place = scales.finite(x)
            if place is not None:
                y, low, high = map(scales.finite, values)
                points.append((place, y, low, high))
        found.append(_Curve(series.name, points, frame.look_of(at) if at < TOLD else None))
    return found


def _x_bounds(chart: LineChart, curves: Sequence[Sequence[_Curve]]) -> tuple[float, float]:
    known = [point[0] for panel in curves for curve in panel for point in curve.points]
    marks = [*chart.marks, *(mark for panel in chart.panels for mark in panel.marks)]
    places = [mark.at for mark in marks if mark.axis == "x"]
    ends = [*known, *places, *(chart.span or ((0.0, 1.0) if chart.score_axis else ()))]
    finite = [value for value in map(scales.finite, ends) if value is not None]
    # A span of values leaves no room at its ends, as curves begin and end on the frame.
    return scales.bounds([], (min(finite), max(finite)) if finite else None)


def _whole(values: Sequence[float]) -> bool:
    return all(value.is_integer() for value in values)


def _whole_x(curves: Sequence[Sequence[_Curve]]) -> bool:
    return _whole([point[0] for panel in curves for curve in panel for point in curve.points])


def _height(chart: LineChart, small: bool) -> float:
    if len(chart.panels) <= 1:
        return 180.0 if small else 220.0
    return 110.0 if small else 130.0


def _named(panel: Panel, curves: Sequence[_Curve]) -> list[_Curve]:
    """The curves whose names are not those of the panel itself."""
    told = [curve for curve in curves if curve.look]
    return [] if len(curves) == 1 and told and told[0].name == panel.label else told


def _end_words(panel: Panel, curves: Sequence[_Curve], limits: Sequence[Mark]) -> list[str]:
    return [curve.name for curve in _named(panel, curves)] + [mark.label for mark in limits]


def _keys(panel: Panel, curves: Sequence[_Curve], limits: Sequence[Mark]) -> list[Key]:
    keys = [Key(curve.name, curve.look) for curve in _named(panel, curves)]
    return keys + [Key(mark.label) for mark in limits]


def _end(curve: _Curve) -> tuple[float, float] | None:
    known = [(x, y) for x, y, _, _ in curve.points if y is not None]
    return max(known) if known else None


def _ends_apart(
    curves: Sequence[_Curve],
    limits: Sequence[Mark],
    x: tuple[float, float],
    y: tuple[float, float],
    height: float,
) -> bool:
    """Tell whether names can stand at the ends of the curves, each near its own."""
    if len(curves) > TOLD:
        return False
    ends = [_end(curve) for curve in curves]
    if any(end is None or end[0] < x[1] - 0.02 * (x[1] - x[0]) for end in ends):
        return False
    places = [_down(end[1], y, height) for end in ends if end]
    places += [_down(mark.at, y, height) for mark in limits]
    moved = apart(places, _LABEL_GAP, 0, height)
    return all(abs(a - b) <= 20 for a, b in zip(places, moved, strict=True)) and (
        not moved or min(moved) >= -10
    )


def _down(value: float, y: tuple[float, float], height: float) -> float:
    return (y[1] - value) / (y[1] - y[0]) * height


def _draw_panel(
    paper: Sheet,
    area: Area,
    plan: _Plan,
    form: str,
) -> None:
    frame.draw_values(paper, area, plan.ticks, plan.words)
    paper.text(
        0, plan.top + 12, plan.panel.label, tone="ink", bold=True, room=paper.width, over=True
    )
    key_top = plan.top + _HEAD
    frame.draw_key(paper, plan.keys, area.left, key_top, paper.width - area.left, form)
    # The curves that are told first are drawn last, over the others.
    for curve in reversed(plan.curves):
        _draw_curve(paper, area, curve, form)
    for mark in plan.limits:
        y = area.place(0, mark.at)[1]
        paper.lines([[(area.left, y), (area.right, y)]], "mark", "ink", dash=frame.MARK_DASH)
    frame.draw_marks(paper, area, plan.across, plan.rows, paper.width)
    if plan.direct:
        _write_ends(paper, area, plan)


def _draw_curve(paper: Sheet, area: Area, curve: _Curve, form: str) -> None:
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
    places = [area.place(x, y) for x, y in alone]
    paper.shapes(places, look.shape if form == "dots" else "disc", look.tone, 5)


def _runs(curve: _Curve, form: str) -> list[list[tuple[float, float, float | None, float | None]]]:
    """Split the points at gaps; those of steps get their corners."""
    runs: list[list[tuple[float, float, float | None, float | None]]] = [[]]
    for x, y, low, high in curve.points:
        if form == "step" and runs[-1]:
            # What is there holds until this point, be it a value or a gap.
            runs[-1].append((x, *runs[-1][-1][1:]))
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y, low, high))
    return [run for run in runs if run]


def _write_ends(paper: Sheet, area: Area, plan: _Plan) -> None:
    words_at: list[tuple[float, str, str]] = []
    for curve in _named(plan.panel, plan.curves):
        end = _end(curve)
        if end and curve.look:
            words_at.append((area.place(*end)[1], curve.name, curve.look.tone))
    for mark in plan.limits:
        words_at.append((area.place(0, mark.at)[1], mark.label, "ink"))
    moved = apart([y for y, _, _ in words_at], _LABEL_GAP, area.top, area.bottom)
    for (y, name, tone), to in zip(words_at, moved, strict=True):
        if abs(to - y) > 3:
            paper.lines([[(area.right + 2, y), (area.right + 9, to)]], "leader", tone)
        room = paper.width - area.right - 10
        paper.text(area.right + 10, to + 4, name, tone=tone, room=room)


def _unseen(curves: Sequence[Sequence[_Curve]]) -> str:
    most = max((len(panel) for panel in curves), default=0)
    if most <= TOLD:
        return ""
    drawn = most if most < LARGEST else LARGEST
    return f"The first {TOLD} curves have colours and names; {drawn - TOLD} more are grey."
