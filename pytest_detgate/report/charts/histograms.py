"""How often values fall into bins or on names, in one set or in several to be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.counts import counted_of
from pytest_detgate.evidence import Histogram, Mark
from pytest_detgate.record import formatting as words
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.axes import Key
from pytest_detgate.report.charts.svg import Area, Drawn, Scale, Sheet
from pytest_detgate.report.charts.text_layout import plain, shortened

LARGEST, SETS = 30, 6
_BAR = 11.0
_SMALL = 10.0


@dataclass(frozen=True, slots=True)
class _Set:
    name: str
    heights: list[float]
    total: int


def draw(chart: Histogram, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    sets = _sets(chart)
    more = len(chart.counts) - len(sets)
    note = f"{counted_of(len(sets), len(chart.counts), 'set', 'are')} drawn." if more else ""
    if chart.edges:
        return _draw_bins(chart, sets, name, width, note)
    return _draw_names(chart, sets, name, width, note)


def table(chart: Histogram) -> tables.Table:
    """Give the counts by bin or name, with shares where these are drawn."""
    sets = list(chart.counts.items())[: tables.COLUMNS]
    bins = chart.names or [
        f"{tables.cell(low)} – {tables.cell(high)}"
        for low, high in zip(chart.edges, chart.edges[1:], strict=False)
    ]
    chosen, caption = tables.first(list(enumerate(bins)), "name" if chart.names else "bin")
    rows = []
    for index, bin_index in chosen:
        row = [bin_index]
        for _, counts in sets:
            count = counts[index] if index < len(counts) else 0
            total = sum(counts)
            share = f" ({words.percent(round(count / total, 4))})" if total else ""
            row.append(f"{count:,}{share if _as_shares(chart) else ''}")
        rows.append(row)
    totals = ", ".join(f"{name} {sum(counts):,}" for name, counts in sets)
    return tables.Table(
        columns=[chart.label, *(name for name, _ in sets)],
        rows=rows,
        caption=f"{caption} Counted in all: {totals}." if sets else caption,
    )


def _as_shares(chart: Histogram) -> bool:
    return chart.shares and len(chart.counts) > 1


def _sets(chart: Histogram) -> list[_Set]:
    length = len(chart.names) if not chart.edges else max(len(chart.edges) - 1, 0)
    sets = []
    for name, counts in list(chart.counts.items())[:SETS]:
        whole = [float(count) for count in counts[:length]]
        whole += [0.0] * (length - len(whole))
        total = sum(counts)
        if _as_shares(chart):
            whole = [count / total if total else 0.0 for count in whole]
        sets.append(_Set(name, whole, total))
    return sets


def _keys(chart: Histogram, sets: Sequence[_Set], limits: Sequence[Mark]) -> list[Key]:
    keys = []
    if len(sets) > 1:
        keys = [
            Key(
                f"{values.name} ({values.total:,})" if _as_shares(chart) else values.name,
                frame.look_of(index),
            )
            for index, values in enumerate(sets)
        ]
    return keys + [Key(mark.label) for mark in limits]


def _heights(chart: Histogram, sets: Sequence[_Set], marks: Sequence[Mark]) -> tuple[float, float]:
    """The ends of the axis of counts or shares; on a scale of logarithms, powers of ten below."""
    known = [height for bin_set in sets for height in bin_set.heights] + [mark.at for mark in marks]
    positive = [height for height in known if height > 0]
    if not chart.log or not positive:
        low, high = scales.bounds(known, None, zero=True, room=0.06)
        return low, high
    low = scales.decade_below(min(positive))
    # A single one is still to be seen on a scale of counts, of which there are no tenths.
    return low if _as_shares(chart) else max(low, 0.5), max(positive) * 1.3


def _axis(
    chart: Histogram, ends: tuple[float, float], count: int, log: bool
) -> tuple[list[float], list[str]]:
    if log:
        positions = scales.decades(*ends, count)
        text = scales.log_words([100 * position for position in positions])
        if _as_shares(chart):
            return positions, [f"{word}%" for word in text]
        return positions, scales.log_words(positions)
    shares = _as_shares(chart)
    positions = scales.ticks(*ends, count, whole=not shares)
    return positions, scales.share_words(positions) if shares else scales.tick_words(positions)


def _draw_bins(chart: Histogram, sets: Sequence[_Set], name: str, width: float, note: str) -> Drawn:
    small = frame.narrow(width)
    edges = [edge for edge in map(scales.finite, chart.edges) if edge is not None]
    marks = frame.marks_on("x", chart.marks)
    limits = frame.marks_on("y", chart.marks)
    known = [*edges, *(mark.at for mark in marks)]
    x = scales.bounds([], (min(known), max(known)))
    by_factor = chart.log_edges and min(known) > 0
    y = _heights(chart, sets, limits)
    log = chart.log and y[0] > 0 and not by_factor
    ticks, text = _axis(chart, y, 4, log)
    left, right = 8 + frame.widest(text), width - 12

    rows = frame.mark_rows(marks, Scale(*x, left, right, by_factor).pixel, width)
    keys = _keys(chart, sets, limits)
    key_top = frame.LINE + 4
    top = key_top + frame.key_height(keys, width - left) + frame.marks_height(rows)
    bottom = top + (150 if small else 180)
    paper = Sheet(width, bottom + 2 * frame.LINE + 8)
    area = paper.area(
        left, top, right, bottom, x=x, y=y, log="x" if by_factor else "y" if log else ""
    )
    frame.draw_values(paper, area, ticks, text)
    shares = "share of each set" if _as_shares(chart) else "count"
    paper.text(0, 12, f"{shares}, logarithmic" if log else shares, tone="ink", bold=True)
    frame.draw_key(paper, keys, left, key_top, width - left, "line")
    for index, bin_set in enumerate(sets):
        _draw_stairs(paper, area, edges, bin_set, index, y[0], alone=len(sets) == 1)
    for mark in limits:
        across = area.pixel(x[0], mark.at)[1]
        line = [(left, across), (right, across)]
        paper.lines([line], "mark", "ink", dash=frame.MARK_DASH)
    frame.draw_marks(paper, area, marks, rows, width)
    positions = _edge_ticks(edges, x, 4 if small else 8, by_factor)
    frame.draw_base(paper, area, positions, scales.tick_words(positions), chart.label)
    left_out = " ".join(filter(None, (note, frame.unsaid(marks, rows))))
    return paper.finish(name, chart.title, left_out)


def _edge_ticks(
    edges: Sequence[float], x: tuple[float, float], count: int, by_factor: bool
) -> list[float]:
    if by_factor:
        # Round numbers are not where such edges are, and COCO's are among them.
        return list(edges[:: math.ceil(len(edges) / count)])
    return scales.ticks(*x, count, whole=all(edge.is_integer() for edge in edges))


def _draw_stairs(
    paper: Sheet,
    area: Area,
    edges: Sequence[float],
    bin_set: _Set,
    index: int,
    floor: float,
    *,
    alone: bool,
) -> None:
    look = frame.look_of(index)
    heights = [max(height, floor) for height in bin_set.heights]
    bins = list(zip(edges, edges[1:], heights, strict=False))
    if alone:
        # A hair of paper between bars tells one bin from the next.
        bars = []
        for low, high, height in bins:
            (x0, y0), (x1, y1) = area.pixel(low, height), area.pixel(high, floor)
            gap = 0.5 if x1 - x0 > 4 else 0.0
            if y1 > y0:
                bars.append([(x0 + gap, y1), (x0 + gap, y0), (x1 - gap, y0), (x1 - gap, y1)])
        paper.fills(bars, "bar", look.tone, 0.75)
        return
    outline = [point for low, high, height in bins for point in ((low, height), (high, height))]
    if not outline:
        return
    outline = [(outline[0][0], floor), *outline, (outline[-1][0], floor)]
    if index == 0:
        paper.fills([outline], "band", look.tone, 0.22, area=area)
    paper.lines([outline], "curve", look.tone, 1.75, area=area, dash=look.dash)


def _draw_names(
    chart: Histogram, sets: Sequence[_Set], name: str, width: float, note: str
) -> Drawn:
    chosen = _chosen(chart, sets)
    notes = [note] if note else []
    if len(chosen) < len(chart.names):
        notes.append(
            f"{counted_of(len(chosen), len(chart.names), 'name', 'are')} drawn, the most frequent."
        )
    limits = frame.marks_on("y", chart.marks)
    marks = frame.marks_on("x", chart.marks)
    if len(chosen) < len(chart.names):
        notes += [f"Mark: {mark.label}." for mark in marks]
        marks = []
    x = _heights(chart, sets, limits)
    log = chart.log and x[0] > 0
    names = [plain(chart.names[number]) for number in chosen]
    left = 8 + min(frame.widest(names), 0.36 * width)
    right = width - 50
    keys = _keys(chart, sets, [])
    step = _BAR * max(len(sets), 1) + (8 if len(sets) > 1 else 9)

    rows = [] if log else frame.mark_rows(limits, Scale(*x, left, right).pixel, width)
    top = frame.key_height(keys, width) + frame.marks_height(rows) + 4
    bottom = top + step * max(len(chosen), 1)
    paper = Sheet(width, bottom + 2 * frame.LINE + 8)
    area = paper.area(left, top, right, bottom, x=x, y=(bottom - top, 0), log="x" if log else "")
    ticks, text = _axis(chart, x, 3 if frame.narrow(width) else 6, log)
    grid = [area.pixel(tick, 0)[0] for tick in ticks]
    paper.lines([[(across, top), (across, bottom)] for across in grid], "grid", "line")
    frame.draw_key(paper, keys, 0, 0, width, "dots")
    for index in range(len(sets)):
        _draw_bars(paper, area, chart, sets, index, chosen, step)
    for row, word in enumerate(names):
        y = top + row * step + step / 2 + 4
        paper.text(left - 8, y, word, anchor="end", tone="ink", room=left - 8)
    if not log:
        frame.draw_marks(paper, area, limits, rows, width)
    _draw_partings(paper, marks, left, top, step, len(names))
    shares = "share of each set" if _as_shares(chart) else "count"
    label = shortened(f"{plain(chart.label)}: {shares}", width - left)
    frame.draw_base(paper, area, ticks, text, f"{label}, logarithmic" if log else label)
    return paper.finish(name, chart.title, " ".join(notes))


def _draw_bars(
    paper: Sheet,
    area: Area,
    chart: Histogram,
    sets: Sequence[_Set],
    index: int,
    chosen: Sequence[int],
    step: float,
) -> None:
    """Draw the bars of one set, one on the line of each chosen name, with their numbers."""
    bin_set, look, several = sets[index], frame.look_of(index), len(sets) > 1
    floor = area.x.low
    bars, ends = [], []
    for row, number in enumerate(chosen):
        top = row * step + (step - _BAR * len(sets)) / 2 + index * _BAR
        value = max(bin_set.heights[number], floor)
        bars.append([(floor, top + 1), (value, top + 1), (value, top + _BAR), (floor, top + _BAR)])
        end = area.pixel(value, top + _BAR / 2)
        ends.append(end)
        paper.text(end[0] + 9, end[1] + 4, _bar_words(chart, bin_set.heights[number]), size=_SMALL)
    paper.fills(bars, "bar", look.tone, 0.4 if several else 0.75, area=area)
    if several:
        paper.shapes(ends, look.shape, look.tone, 5)


def _draw_partings(
    paper: Sheet, marks: Sequence[Mark], left: float, top: float, step: float, names: int
) -> None:
    """Draw marks between the bars that they part, and so across this drawing."""
    for mark in marks:
        y = top + min(max(mark.at, 0), names) * step
        paper.lines([[(left, y), (paper.width, y)]], "mark", "ink", dash=frame.MARK_DASH)
        paper.text(paper.width, y - 3, mark.label, anchor="end", tone="ink", over=True)


def _bar_words(chart: Histogram, height: float) -> str:
    if _as_shares(chart):
        return words.percent(round(height, 3))
    return scales.tick_words([height])[0] if height >= 1e6 else words.number(int(height))


def _chosen(chart: Histogram, sets: Sequence[_Set]) -> list[int]:
    every = range(len(chart.names))
    if len(every) <= LARGEST:
        return list(every)
    order = sorted(
        every, key=lambda index: -max((bin_set.heights[index] for bin_set in sets), default=0.0)
    )
    return sorted(order[:LARGEST])
