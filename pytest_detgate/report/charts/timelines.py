"""Clips over time: frames that fire, alarms, and the events that should raise them."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.counts import counted
from pytest_detgate.evidence import ClipTimes, Span, Timeline
from pytest_detgate.record import formatting as words
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.svg import Area, Drawn, Sheet
from pytest_detgate.report.charts.text_layout import plain

LARGEST = 20
_LANE, _GAP = 9.0, 8.0
_LEAST = 2.0
# Each kind of span: its words, its lane, its colour, and how thick it is.
_KINDS = (
    ("event", "events", 0, "series-3", 5.0),
    ("frames that fire", "fires", 1, "series-1", 3.0),
    ("alarm of an event", "alarms", 2, "series-4", 6.0),
    ("false alarm", "false", 2, "failed", 6.0),
)
_LANES = 3


def draw(chart: Timeline, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    clips = chart.clips[:LARGEST]
    notes = [_note(clip) for clip in clips]
    left = 8 + min(frame.widest([plain(clip.clip) for clip in clips]), 0.3 * width)
    right = width - 14 - frame.widest(notes, bold=True)
    keys = _keys(width)
    top = (keys[-1][1] + 1) * frame.LINE + 6
    step = _LANES * _LANE + _GAP
    bottom = top + step * max(len(clips), 1)
    paper = Sheet(width, bottom + 2 * frame.LINE + 8)
    for (key, line, x), (_, _, _, tone, thick) in zip(keys, _KINDS, strict=True):
        y = line * frame.LINE + 12
        paper.lines([[(x, y - 4), (x + 12, y - 4)]], "key", tone, thick)
        paper.text(x + 18, y, key, tone="ink", room=width - 18)
    longest = max((clip.seconds for clip in clips), default=1.0)
    ends = scales.bounds([], (0.0, max(longest, 1e-3)))
    area = paper.area(left, top, right, bottom, x=ends, y=(1, 0))
    edges = [top + row * step for row in range(len(clips) + 1)]
    paper.lines([[(left, y), (right, y)] for y in edges], "grid", "line")
    for _, kind, lane, tone, thick in _KINDS:
        runs = [
            _run(span, area, top + row * step + _GAP / 2 + (lane + 0.5) * _LANE)
            for row, clip in enumerate(clips)
            for span in _spans(clip, kind)
        ]
        paper.lines(runs, kind, tone, thick)
    for row, (clip, note) in enumerate(zip(clips, notes, strict=True)):
        y = top + (row + 0.5) * step + 4
        paper.text(left - 8, y, clip.clip, anchor="end", tone="ink", room=left - 8)
        tone = "failed" if clip.false else "dim"
        paper.text(width - 2, y, note, anchor="end", tone=tone, bold=bool(clip.false))
    ticks = scales.ticks(*ends, 3 if frame.narrow(width) else 6)
    label = "seconds after the first frame of the clip"
    frame.draw_base(paper, area, ticks, scales.tick_words(ticks), label)
    left_out = f"The first {len(clips):,} are drawn." if len(chart.clips) > len(clips) else ""
    return paper.finish(name, chart.title, left_out)


def table(chart: Timeline) -> tables.Table:
    """Give for each clip how long it is, and when there are events and alarms."""
    clips, caption = tables.first(chart.clips, "clip")
    if chart.total > len(chart.clips):
        caption = f"{len(clips)} of {counted(chart.total, 'clip')}."
    rows = [
        [
            clip.clip,
            tables.cell(clip.seconds),
            *(_times(_spans(clip, kind)) for kind in ("events", "alarms", "false")),
        ]
        for clip in clips
    ]
    columns = ["Clip", "Seconds", "Events", "Alarms of an event", "False alarms"]
    return tables.Table(columns=columns, rows=rows, caption=caption)


def _spans(clip: ClipTimes, kind: str) -> Sequence[Span]:
    spans: Sequence[Span] = getattr(clip, kind)
    return spans


def _run(span: Span, area: Area, y: float) -> list[tuple[float, float]]:
    start, end = (round(area.pixel(time, 0)[0], 1) for time in span)
    return [(start, y), (max(end, start + _LEAST), y)]


def _keys(width: float) -> list[tuple[str, int, float]]:
    """The words of the key, each with its line and its place on that."""
    names = [kind[0] for kind in _KINDS]
    positions = frame.name_places(names, width, 18)
    return [(name, *position) for name, position in zip(names, positions, strict=True)]


def _note(clip: ClipTimes) -> str:
    if clip.false:
        return f"{len(clip.false):,} false"
    return words.counted(len(clip.alarms), "alarm") if clip.alarms else "none"


def _times(spans: Sequence[Span], most: int = 5) -> str:
    """Say when: `1.2–3.4, 9–9.5`, with the number of those that are left out."""
    if not spans:
        return tables.NOTHING
    ranges = ", ".join(f"{tables.cell(start)}–{tables.cell(end)}" for start, end in spans[:most])
    return ranges + (f" and {len(spans) - most} more" if len(spans) > most else "")
