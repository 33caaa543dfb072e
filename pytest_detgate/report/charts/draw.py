"""A chart as the page shows it: drawn for wide and narrow pages, and as a table of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from markupsafe import Markup

from pytest_detgate.evidence import (
    BarChart,
    Chart,
    ClipMap,
    Histogram,
    LineChart,
    Matrix,
    Timeline,
)
from pytest_detgate.report.charts import bars, clips, histograms, lines, matrices, timelines
from pytest_detgate.report.charts.svg import NARROW, WIDE

_KINDS: dict[type[Chart], ModuleType] = {
    LineChart: lines,
    BarChart: bars,
    Histogram: histograms,
    Matrix: matrices,
    ClipMap: clips,
    Timeline: timelines,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What the macro `chart` of `_chart.html.j2` takes.

    `svg` is a complete element, and so is `narrow`, for pages where the other would be too small
    to read; None where one serves both. `columns` and `rows` are the numbers of the chart, and
    `caption` says what they are, how many of them were left out, and what is not drawn.
    """

    title: str
    about: str
    svg: Markup
    narrow: Markup | None
    columns: list[str]
    rows: list[list[str]]
    caption: str


def drawing_of(chart: Chart, name: str) -> Drawing:
    """Draw a chart. `name` is the id of the drawing, and the beginning of any other in it."""
    kind = _KINDS[type(chart)]
    wide = kind.draw(chart, name, WIDE)
    narrow = kind.draw(chart, f"{name}-narrow", NARROW) if wide.width > NARROW else None
    table = kind.table(chart)
    return Drawing(
        title=chart.title,
        about=chart.about,
        svg=wide.svg,
        narrow=narrow.svg if narrow else None,
        columns=table.columns,
        rows=table.rows,
        caption=" ".join(filter(None, (table.caption, wide.left_out))),
    )
