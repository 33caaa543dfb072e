"""Values of named things, each on a separate line, with bounds and limit."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.evidence import Bar, BarChart
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.svg import Area, Drawn, Sheet
from pytest_detgate.report.charts.text_layout import plain, width_of

LARGEST = 40
_ROW = 22.0
_NO_VALUE = "no value"


def draw(chart: BarChart, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    bars, left_out = _chosen(chart)
    ends = [end for bar in bars for end in (bar.value, bar.low, bar.high, bar.limit)]
    x = scales.bounds(ends, chart.span, room=0.06, zero=True)
    text = _value_texts(bars)
    left = 8 + min(frame.widest([plain(bar.name) for bar in bars], bold=True), 0.36 * width)
    judged = any(bar.passed is False for bar in bars)
    right = width - (30 if judged else 14) - min(frame.widest(text, bold=judged), 0.3 * width)
    keys = _keys(chart)
    key_width = sum(32 + width_of(key) for key in keys)
    top = frame.LINE + 8 if keys else 4.0
    bottom = top + _ROW * max(len(bars), 1)
    paper = Sheet(width, bottom + 2 * frame.LINE + 8)
    area = paper.area(left, top, right, bottom, x=x, y=(max(len(bars), 1), 0))
    small = frame.narrow(width)
    ticks = scales.ticks(*x, 3 if small else 6)
    grid = [area.pixel(tick, 0)[0] for tick in ticks]
    paper.lines([[(across, top), (across, bottom)] for across in grid], "grid", "line")
    _draw_key(paper, max(0.0, min(left, width - key_width)), keys)
    for bad in (False, True):
        _draw_bars(paper, area, bars, x, bad)
    for row, (bar, word) in enumerate(zip(bars, text, strict=True)):
        y = top + _ROW * (row + 0.5) + 4
        bad = bar.passed is False
        paper.text(left - 8, y, bar.name, anchor="end", tone="ink", room=left - 8, bold=bad)
        tone = "failed" if bad else "dim" if bar.value is None else "ink"
        paper.text(width - 2, y, word, anchor="end", tone=tone, bold=bad, room=width - right)
        if bad:
            _draw_cross(paper, right + 14, y - 4)
    frame.draw_base(paper, area, ticks, scales.tick_words(ticks), chart.label)
    zero = area.pixel(0.0, 0)[0]
    if x[0] <= 0 <= x[1]:
        paper.lines([[(zero, top), (zero, bottom)]], "axis", "dim")
    return paper.finish(name, chart.title, left_out)


def table(chart: BarChart) -> tables.Table:
    """Give the values in their order, with bounds and limits where there are some."""
    bars, caption = tables.first(chart.bars, "value")
    bounds = any(bar.low is not None or bar.high is not None for bar in chart.bars)
    limits = any(bar.limit is not None for bar in chart.bars)
    judged = any(bar.passed is not None for bar in chart.bars)
    columns = ["Name", chart.label]
    columns += ["From", "To"] * bounds + ["Limit"] * limits + ["Held"] * judged
    rows = []
    for bar in bars:
        row = [bar.name, tables.cell(bar.value)]
        row += [tables.cell(bar.low), tables.cell(bar.high)] * bounds
        row += [tables.cell(bar.limit)] * limits
        row += [{True: "yes", False: "no", None: tables.NOTHING}[bar.passed]] * judged
        rows.append(row)
    return tables.Table(columns=columns, rows=rows, caption=caption)


def _chosen(chart: BarChart) -> tuple[list[Bar], str]:
    """The bars that there is room for: first those that miss their limit, all in their order."""
    total = len(chart.bars)
    if total <= LARGEST:
        return chart.bars, ""
    order = sorted(range(total), key=lambda index: chart.bars[index].passed is not False)
    chosen = [chart.bars[index] for index in sorted(order[:LARGEST])]
    return chosen, f"{LARGEST} of {total:,} are drawn, those that miss a limit first."


def _value_texts(bars: Sequence[Bar]) -> list[str]:
    """Say the values with equally many decimals, enough to tell them from their limits."""
    known = [bar.value for bar in bars if bar.value is not None]
    if all(float(value).is_integer() for value in known) or any(
        0 < abs(value) < 0.001 or abs(value) >= 1e9 for value in known
    ):
        return [_NO_VALUE if bar.value is None else tables.cell(bar.value) for bar in bars]
    decimals = next((some for some in range(3, 12) if _told_apart(bars, some)), 12)
    return [_NO_VALUE if bar.value is None else f"{bar.value:,.{decimals}f}" for bar in bars]


def _told_apart(bars: Sequence[Bar], decimals: int) -> bool:
    pairs = [(bar.value, bar.limit) for bar in bars]
    return all(
        value == limit or round(value, decimals) != limit
        for value, limit in pairs
        if value is not None and limit is not None
    )


def _draw_bars(
    paper: Sheet, area: Area, bars: list[Bar], x: tuple[float, float], bad: bool
) -> None:
    tone = "failed" if bad else "series-1"
    fills, ends, whiskers, limits = [], [], [], []
    for row, bar in enumerate(bars):
        if (bar.passed is False) is not bad:
            continue
        value, low, high, limit = map(scales.finite, (bar.value, bar.low, bar.high, bar.limit))
        middle = row + 0.5
        if value is not None:
            zero = min(max(0.0, x[0]), x[1])
            start, end = min(zero, value), max(zero, value)
            thick = 0.22
            fills.append(
                [
                    (start, middle - thick),
                    (end, middle - thick),
                    (end, middle + thick),
                    (start, middle + thick),
                ]
            )
            ends.append([(value, middle - thick), (value, middle + thick)])
        if low is not None and high is not None:
            whiskers.append([(low, middle), (high, middle)])
        if limit is not None:
            limits.append([(limit, row + 0.08), (limit, row + 0.92)])
    paper.fills(fills, "bar", tone, 0.4, area=area)
    paper.lines(ends, "end", tone, 3, area=area)
    paper.lines(whiskers, "whisker", "ink", 1.25, area=area)
    paper.lines(limits, "limit", "ink", 2, area=area)


def _keys(chart: BarChart) -> list[str]:
    keys = []
    if any(bar.limit is not None for bar in chart.bars):
        keys.append("limit")
    if any(bar.low is not None and bar.high is not None for bar in chart.bars):
        keys.append("interval")
    if any(bar.passed is False for bar in chart.bars):
        keys.append("misses its limit")
    return keys


def _draw_key(paper: Sheet, x: float, keys: list[str]) -> None:
    for key in keys:
        if key == "limit":
            paper.lines([[(x + 6, 2), (x + 6, 16)]], "key", "ink", 2)
        elif key == "interval":
            paper.lines([[(x, 9), (x + 12, 9)]], "key", "ink", 1.25)
        else:
            _draw_cross(paper, x + 6, 9)
        paper.text(x + 18, 13, key)
        x += 32 + width_of(key)


def _draw_cross(paper: Sheet, x: float, y: float) -> None:
    paper.lines(
        [[(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)], [(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)]],
        "cross",
        "failed",
        1.75,
    )
