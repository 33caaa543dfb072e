"""Counts of pairs as shaded cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pytest_detgate.evidence import Matrix
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts.svg import Drawn, Sheet
from pytest_detgate.report.charts.text_layout import plain, width_of

LARGEST, NARROWEST = 24, 8
SMALLEST = 8.0  # the size in which a count can still be read
# At its strongest a shade still leaves the ink of the count legible, in the light and in the dark.
STRONGEST = 0.45
_SHADES = 15
_TURN = 51.0  # degrees of slanted names
_UP, _ACROSS = math.sin(math.radians(_TURN)), math.cos(math.radians(_TURN))


def draw(chart: Matrix, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels, or narrower where it needs less."""
    most = NARROWEST if frame.narrow(width) else LARGEST
    rows, columns, left_out = _chosen(chart, most)
    row_names = [plain(chart.rows[at]) for at in rows]
    column_names = [plain(chart.columns[at]) for at in columns]
    labels = plain(f"{chart.row_label} ↓"), plain(f"{chart.column_label} →")
    left = 8 + min(max(frame.widest(row_names), frame.widest(labels[:1])), 0.34 * width)
    longest = min(frame.widest(column_names), 120.0)
    cell = min(52.0, (width - left - 4) / max(len(columns), 1))
    upright = longest + 6 <= cell
    if not upright:
        cell = min(52.0, (width - left - longest * _ACROSS) / max(len(columns), 1))
    tall = min(cell, 34.0)
    top = frame.LINE + 6 + (frame.LINE if upright else longest * _UP + 8)
    needed = left + cell * len(columns) + (4.0 if upright else longest * _ACROSS)
    wide = min(width, max(needed, frame.widest(labels[1:]) + left + 8))
    # A narrow drawing may show less than its caption, which is that of the wide one, says.
    reduced = left_out if most < LARGEST else ""
    below = 22.0 if reduced else 6.0
    seen = [chart.counts[at] for at in rows if at < len(chart.counts)]
    say, size = _counts_fit(seen, cell, tall)
    paper = Sheet(wide, top + tall * max(len(rows), 1) + below)
    paper.text(left, 12, labels[1], room=wide - left)
    paper.text(0, top - 6, labels[0], room=left)
    for at, word in enumerate(column_names):
        x = left + (at + 0.5) * cell
        if upright:
            paper.text(x, top - 6, word, anchor="middle", tone="ink")
        else:
            paper.text(x + 2, top - 6, word, tone="ink", turn=-_TURN, room=longest)
    shades: dict[int, list[list[tuple[float, float]]]] = {}
    same = []
    for line, row in enumerate(rows):
        counts = chart.counts[row] if row < len(chart.counts) else []
        total = sum(count for count in counts if count > 0)
        y = top + line * tall
        paper.text(
            left - 8, y + tall / 2 + 4, row_names[line], anchor="end", tone="ink", room=left - 8
        )
        for along, column in enumerate(columns):
            x = left + along * cell
            count = counts[column] if column < len(counts) else 0
            corners = [(x, y), (x + cell, y), (x + cell, y + tall), (x, y + tall)]
            shade = round(_SHADES * max(count, 0) / total) if total else 0
            if shade or count > 0:
                shades.setdefault(shade, []).append(corners)
            alike = _same(chart, row, column)
            if alike:
                same.append([*corners, corners[0]])
            if count and size:
                paper.text(
                    x + cell / 2,
                    y + tall / 2 + size * 0.36,
                    say(count),
                    anchor="middle",
                    tone="ink",
                    size=size,
                    bold=alike,
                )
    for shade, cells in sorted(shades.items()):
        opacity = max(round(STRONGEST * shade / _SHADES, 2), 0.02)
        paper.fills(cells, "cell", "series-1", opacity)
    right, bottom = left + cell * len(columns), top + tall * len(rows)
    across = [top + at * tall for at in range(len(rows) + 1)]
    down = [left + at * cell for at in range(len(columns) + 1)]
    paper.lines([[(left, y), (right, y)] for y in across], "grid", "line")
    paper.lines([[(x, top), (x, bottom)] for x in down], "grid", "line")
    paper.lines(same, "same", "ink", 1.25)
    if reduced:
        note = f"the {len(rows)} × {len(columns)} with the most confusions"
        paper.text(left, bottom + 16, note, size=11, room=wide - left)
    return paper.finish(name, chart.title, left_out)


def table(chart: Matrix) -> tables.Table:
    """Give the counts, the most confused names first where there are too many."""
    rows, columns, left_out = _chosen(chart, LARGEST)
    cells = []
    for row in rows:
        counts = chart.counts[row] if row < len(chart.counts) else []
        cells.append(
            [chart.rows[row]]
            + [tables.said(counts[at]) if at < len(counts) else tables.NOTHING for at in columns]
        )
    head = f"{chart.row_label} ↓ / {chart.column_label} →"
    caption = f"{len(rows)} rows, {len(columns)} columns." if not left_out else ""
    return tables.Table(
        columns=[head, *(chart.columns[at] for at in columns)], rows=cells, caption=caption
    )


def _same(chart: Matrix, row: int, column: int) -> bool:
    """Tell whether this is the cell of a name with itself."""
    name = chart.rows[row]
    if name != chart.columns[column]:
        return False
    return row == column or (chart.rows.count(name) == 1 and chart.columns.count(name) == 1)


def _chosen(chart: Matrix, most: int) -> tuple[Sequence[int], Sequence[int], str]:
    """The rows and columns that there is room for: those with most counts beside the diagonal."""
    rows, columns = range(len(chart.rows)), range(len(chart.columns))
    if len(rows) <= most and len(columns) <= most:
        return rows, columns, ""
    by_row = dict.fromkeys(rows, 0)
    by_column = dict.fromkeys(columns, 0)
    for row, counts in zip(rows, chart.counts, strict=False):
        for column, count in zip(columns, counts, strict=False):
            if count and chart.rows[row] != chart.columns[column]:
                by_row[row] += count
                by_column[column] += count
    if chart.rows == chart.columns:
        both = {at: by_row[at] + by_column[at] for at in rows}
        by_row = by_column = both
    chosen = [sorted(sorted(sums, key=lambda at: -sums[at])[:most]) for sums in (by_row, by_column)]
    note = (
        f"{len(chosen[0])} of {len(rows):,} rows and {len(chosen[1])} of {len(columns):,} columns: "
        "those with the most confusions. Shades are shares of whole rows."
    )
    return chosen[0], chosen[1], note


def _counts_fit(
    counts: Sequence[Sequence[int]], cell: float, tall: float
) -> tuple[Callable[[int], str], float]:
    """How counts are said in the cells, and in which size; 0 where none can be read."""
    every = {count for row in counts for count in row}
    for say in (_whole, _rounded):
        widest = max((width_of(say(count), 1.0) for count in every), default=0.5)
        size = min(11.5, tall - 4, (cell - 3) / widest)
        if size >= SMALLEST:
            return say, size
    return _whole, 0.0


def _whole(count: int) -> str:
    return f"{count:,}"


def _rounded(count: int) -> str:
    """Say a count in four letters or so: `1.8k`, `23k`."""
    if abs(count) < 1000:
        return str(count)
    for power, unit in ((3, "k"), (6, "m"), (9, "bn")):
        if abs(count) < 10 ** (power + 3) or unit == "bn":
            break
    value = count / 10**power
    return f"{value:.1f}{unit}" if abs(value) < 9.95 else f"{value:,.0f}{unit}"
