"""Counts of pairs as shaded cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_detgate.counts import counted
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Where the cells are: the indices of their rows and columns in the chart, and pixels."""

    rows: Sequence[int]
    columns: Sequence[int]
    left: float
    top: float
    cell: float
    tall: float
    longest: float
    upright: bool

    @property
    def right(self) -> float:
        return self.left + self.cell * len(self.columns)

    @property
    def bottom(self) -> float:
        return self.top + self.tall * len(self.rows)

    @property
    def width(self) -> float:
        """How wide the drawing is: slanted names reach over the last column."""
        return self.right + (4.0 if self.upright else self.longest * _ACROSS)

    def corners(self, line: int, along: int) -> list[tuple[float, float]]:
        x, y = self.left + along * self.cell, self.top + line * self.tall
        return [(x, y), (x + self.cell, y), (x + self.cell, y + self.tall), (x, y + self.tall)]


def draw(chart: Matrix, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels, or narrower where it needs less."""
    most = NARROWEST if frame.narrow(width) else LARGEST
    rows, columns, left_out = _chosen(chart, most)
    grid = _grid(chart, rows, columns, width)
    label = plain(f"{chart.column_label} →")
    wide = min(width, max(grid.width, frame.widest([label]) + grid.left + 8))
    # A narrow drawing may show less than its caption, which is that of the wide one, says.
    reduced = left_out if most < LARGEST else ""
    paper = Sheet(wide, grid.top + grid.tall * max(len(rows), 1) + (22.0 if reduced else 6.0))
    paper.text(grid.left, 12, label, room=wide - grid.left)
    _write_names(paper, chart, grid)
    _draw_cells(paper, chart, grid)
    across = [grid.top + index * grid.tall for index in range(len(rows) + 1)]
    down = [grid.left + index * grid.cell for index in range(len(columns) + 1)]
    paper.lines([[(grid.left, y), (grid.right, y)] for y in across], "grid", "line")
    paper.lines([[(x, grid.top), (x, grid.bottom)] for x in down], "grid", "line")
    same = [
        [*grid.corners(line, along), grid.corners(line, along)[0]]
        for line, row in enumerate(rows)
        for along, column in enumerate(columns)
        if _same(chart, row, column)
    ]
    paper.lines(same, "same", "ink", 1.25)
    if reduced:
        note = f"the {len(rows)} × {len(columns)} with the most confusions"
        paper.text(grid.left, grid.bottom + 16, note, size=11, room=wide - grid.left)
    return paper.finish(name, chart.title, left_out)


def _grid(chart: Matrix, rows: Sequence[int], columns: Sequence[int], width: float) -> _Grid:
    """Lay out the cells; names of columns are slanted where they are wider than these."""
    row_names = [plain(chart.rows[index]) for index in rows]
    column_names = [plain(chart.columns[index]) for index in columns]
    label = plain(f"{chart.row_label} ↓")
    left = 8 + min(max(frame.widest(row_names), frame.widest([label])), 0.34 * width)
    longest = min(frame.widest(column_names), 120.0)
    cell = min(52.0, (width - left - 4) / max(len(columns), 1))
    upright = longest + 6 <= cell
    if not upright:
        cell = min(52.0, (width - left - longest * _ACROSS) / max(len(columns), 1))
    return _Grid(
        rows=rows,
        columns=columns,
        left=left,
        top=frame.LINE + 6 + (frame.LINE if upright else longest * _UP + 8),
        cell=cell,
        tall=min(cell, 34.0),
        longest=longest,
        upright=upright,
    )


def _write_names(paper: Sheet, chart: Matrix, grid: _Grid) -> None:
    """Write what rows and columns are, above and left of the cells."""
    above = grid.top - 6
    paper.text(0, above, plain(f"{chart.row_label} ↓"), room=grid.left)
    for along, column in enumerate(grid.columns):
        x, word = grid.left + (along + 0.5) * grid.cell, chart.columns[column]
        if grid.upright:
            paper.text(x, above, word, anchor="middle", tone="ink")
        else:
            paper.text(x + 2, above, word, tone="ink", turn=-_TURN, room=grid.longest)
    for line, row in enumerate(grid.rows):
        y = grid.top + line * grid.tall + grid.tall / 2 + 4
        room = grid.left - 8
        paper.text(room, y, chart.rows[row], anchor="end", tone="ink", room=room)


def _draw_cells(paper: Sheet, chart: Matrix, grid: _Grid) -> None:
    """Shade each cell by its share of its row, and write its count where that can be read."""
    seen = [chart.counts[row] for row in grid.rows if row < len(chart.counts)]
    say, size = _counts_fit(seen, grid.cell, grid.tall)
    shades: dict[int, list[list[tuple[float, float]]]] = {}
    for line, row in enumerate(grid.rows):
        counts = chart.counts[row] if row < len(chart.counts) else []
        total = sum(count for count in counts if count > 0)
        for along, column in enumerate(grid.columns):
            count = counts[column] if column < len(counts) else 0
            corners = grid.corners(line, along)
            shade = round(_SHADES * max(count, 0) / total) if total else 0
            if shade or count > 0:
                shades.setdefault(shade, []).append(corners)
            if count and size:
                (x, y), bold = corners[0], _same(chart, row, column)
                middle = y + grid.tall / 2 + size * 0.36
                paper.text(
                    x + grid.cell / 2,
                    middle,
                    say(count),
                    anchor="middle",
                    tone="ink",
                    size=size,
                    bold=bold,
                )
    for shade, cells in sorted(shades.items()):
        opacity = max(round(STRONGEST * shade / _SHADES, 2), 0.02)
        paper.fills(cells, "cell", "series-1", opacity)


def table(chart: Matrix) -> tables.Table:
    """Give the counts, the most confused names first where there are too many."""
    rows, columns, left_out = _chosen(chart, LARGEST)
    cells = []
    for row in rows:
        counts = chart.counts[row] if row < len(chart.counts) else []
        cells.append(
            [chart.rows[row]]
            + [
                tables.cell(counts[index]) if index < len(counts) else tables.NOTHING
                for index in columns
            ]
        )
    head = f"{chart.row_label} ↓ / {chart.column_label} →"
    caption = (
        f"{counted(len(rows), 'row')}, {counted(len(columns), 'column')}." if not left_out else ""
    )
    return tables.Table(
        columns=[head, *(chart.columns[index] for index in columns)], rows=cells, caption=caption
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
        both = {index: by_row[index] + by_column[index] for index in rows}
        by_row = by_column = both
    chosen = [
        sorted(sorted(sums, key=lambda index: -sums[index])[:most]) for sums in (by_row, by_column)
    ]
    note = (
        f"{len(chosen[0])} of {counted(len(rows), 'row')} and {len(chosen[1])} of "
        f"{counted(len(columns), 'column')}: those with the most confusions. Shades are shares of "
        "whole rows."
    )
    return chosen[0], chosen[1], note


def _counts_fit(
    counts: Sequence[Sequence[int]], cell: float, tall: float
) -> tuple[Callable[[int], str], float]:
    """The texts of counts in the cells, and their size; 0 where none can be read."""
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
