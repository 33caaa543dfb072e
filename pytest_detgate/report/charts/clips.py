"""Frames of clips on lines, by split, and the neighbours on both sides of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_detgate.counts import counted
from pytest_detgate.evidence import ClipLine, ClipMap
from pytest_detgate.record import formatting as words
from pytest_detgate.report.charts import axes as frame
from pytest_detgate.report.charts import number_tables as tables
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.svg import Drawn, Scale, Shape, Sheet
from pytest_detgate.report.charts.text_layout import plain

LARGEST = 40
_LANE = 8.0
_GAP = 8.0
_SHAPES: tuple[Shape, ...] = ("bar", "disc", "diamond", "square", "triangle", "ring")
Crossing = tuple[int, int, int, int]  # lane and frame of one, lane and frame of the other


def crossings(clip: ClipLine, splits: Sequence[str], within: int) -> list[Crossing]:
    """Find frames next to each other that are in different splits and at most `within` apart.

    Frames in between are those of any split. One frame in two splits is such a pair as well.
    """
    order = sorted(
        (number, lane) for lane, split in enumerate(splits) for number in clip.frames.get(split, [])
    )
    crossings_found = []
    for (first, lane), (second, next_lane) in pairwise(order):
        if lane != next_lane and second - first <= within:
            crossings_found.append((lane, first, next_lane, second))
    return crossings_found


def nearest(clip: ClipLine, splits: Sequence[str]) -> int | None:
    """Give the least distance in frames between two splits; None where only one has frames."""
    order = sorted(
        (number, lane) for lane, split in enumerate(splits) for number in clip.frames.get(split, [])
    )
    apart = [
        second - first
        for (first, lane), (second, next_lane) in pairwise(order)
        if lane != next_lane
    ]
    return min(apart, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Where the lines of the clips are, in pixels, and what is next to each other on them."""

    clips: Sequence[ClipLine]
    starts: list[int]
    crossed: list[list[Crossing]]
    along: Scale
    top: float
    step: float

    @property
    def bottom(self) -> float:
        return self.top + self.step * max(len(self.clips), 1)

    def lane(self, row: int, lane: int) -> float:
        """The middle of the lane of a split on the line of a clip."""
        return self.top + row * self.step + _GAP / 2 + (lane + 0.5) * _LANE

    def pixel(self, row: int, number: int) -> float:
        """Where a frame of a clip is, to half a pixel: frames nearer than that look the same."""
        return round(2 * self.along.pixel(number - self.starts[row])) / 2


def draw(chart: ClipMap, name: str, width: float) -> Drawn:
    """Draw the chart at a width in pixels."""
    clips = chart.clips[:LARGEST]
    starts, x, label = _axis(clips)
    crossed = [crossings(clip, chart.splits, chart.within or 0) for clip in clips]
    notes = [
        _near_words(clip, chart, crossings_of_clip)
        for clip, crossings_of_clip in zip(clips, crossed, strict=True)
    ]
    left = 8 + min(frame.widest([plain(clip.clip) for clip in clips]), 0.3 * width)
    right = width - 14 - frame.widest(notes, bold=True)
    keys = _keys(chart, width)
    lines = _Lines(
        clips=clips,
        starts=starts,
        crossed=crossed,
        along=Scale(*x, left, right),
        top=(keys[-1][1] + 1) * frame.LINE + 6,
        step=_LANE * max(len(chart.splits), 1) + _GAP,
    )
    paper = Sheet(width, lines.bottom + 2 * frame.LINE + 8)
    _draw_keys(paper, chart, keys)
    edges = [lines.top + row * lines.step for row in range(len(clips) + 1)]
    paper.lines([[(left, y), (right, y)] for y in edges], "grid", "line")
    _draw_frames(paper, chart, lines)
    _draw_crossings(paper, lines)
    for row, (clip, note) in enumerate(zip(clips, notes, strict=True)):
        y = lines.top + (row + 0.5) * lines.step + 4
        paper.text(left - 8, y, clip.clip, anchor="end", tone="ink", room=left - 8)
        near = bool(crossed[row])
        paper.text(width - 2, y, note, anchor="end", tone="failed" if near else "dim", bold=near)
    ticks = scales.ticks(*x, 3 if frame.narrow(width) else 6, whole=True)
    area = paper.area(left, lines.top, right, lines.bottom, x=x, y=(1, 0))
    frame.draw_base(paper, area, ticks, scales.tick_words(ticks), label)
    return paper.finish(name, chart.title, _left_out(chart, len(clips)))


def _keys(chart: ClipMap, width: float) -> list[tuple[str, int, float]]:
    """The words of the key, each with its line and its place on that."""
    words_of_key = [*chart.splits, _crossing_words(chart)]
    positions = frame.name_places(words_of_key, width, 16)
    return [(key, *position) for key, position in zip(words_of_key, positions, strict=True)]


def _draw_keys(paper: Sheet, chart: ClipMap, keys: Sequence[tuple[str, int, float]]) -> None:
    for lane, (key, line, x) in enumerate(keys):
        y = line * frame.LINE + 12
        if lane < len(chart.splits):
            paper.shapes([(x + 5, y - 4)], _SHAPES[lane % 6], _tone(lane), 7)
        else:
            paper.lines([[(x + 2, y), (x + 8, y - 8)]], "crossing", "failed", 2)
        paper.text(x + 16, y, key, tone="ink", room=paper.width - 16)


def table(chart: ClipMap) -> tables.Table:
    """Give for each clip its frames by split and the neighbours across splits."""
    clips, caption = tables.first(chart.clips, "clip")
    if chart.total > len(chart.clips):
        caption = f"{len(clips)} of {counted(chart.total, 'clip')}."
    near = [] if chart.within is None else [f"Neighbours within {chart.within}"]
    rows = []
    for clip in clips:
        least = nearest(clip, chart.splits)
        row = [clip.clip, *(f"{len(clip.frames.get(split, [])):,}" for split in chart.splits)]
        row.append(tables.cell(least))
        if chart.within is not None:
            row.append(f"{len(crossings(clip, chart.splits, chart.within)):,}")
        rows.append(row)
    columns = ["Clip", *(f"Frames in {split}" for split in chart.splits), "Least distance", *near]
    return tables.Table(columns=columns, rows=rows, caption=caption)


def _axis(clips: Sequence[ClipLine]) -> tuple[list[int], tuple[float, float], str]:
    """Where each line begins, the ends of the axis, and what it counts.

    Clips that begin far from each other would be drawn as dots: they are then put side by side.
    """
    numbers = [[frame for split in clip.frames.values() for frame in split] for clip in clips]
    ends = [(min(some), max(some)) for some in numbers if some]
    if not ends:
        return [0] * len(clips), (0.0, 1.0), "frame"
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    longest = max(end[1] - end[0] for end in ends)
    if high - low <= 3 * max(longest, 1):
        return [0] * len(clips), scales.bounds([], (float(low), float(max(high, low + 1)))), "frame"
    starts = [min(some, default=0) for some in numbers]
    return starts, (0.0, float(max(longest, 1))), "frames after the first of the clip"


def _draw_frames(paper: Sheet, chart: ClipMap, lines: _Lines) -> None:
    for lane, split in enumerate(chart.splits):
        positions: list[tuple[float, float]] = []
        for row, clip in enumerate(lines.clips):
            along = {lines.pixel(row, number) for number in clip.frames.get(split, [])}
            positions += [(x, lines.lane(row, lane)) for x in sorted(along)]
        shape = _SHAPES[lane % 6]
        paper.shapes(positions, shape, _tone(lane), 7 if shape == "bar" else 4)


def _draw_crossings(paper: Sheet, lines: _Lines) -> None:
    runs = []
    for row, crossings_of_clip in enumerate(lines.crossed):
        drawn = {
            (
                (lines.pixel(row, first), lines.lane(row, lane)),
                (lines.pixel(row, second), lines.lane(row, next_lane)),
            )
            for lane, first, next_lane, second in crossings_of_clip
        }
        runs += [list(ends) for ends in sorted(drawn)]
    paper.lines(runs, "crossing", "failed", 1.5)


def _tone(lane: int) -> str:
    """The colours of series without the second, which is near the red of a crossing."""
    return ("series-1", "series-3", "series-4", "series-5", "series-6")[lane % 5]


def _crossing_words(chart: ClipMap) -> str:
    if chart.within is None:
        return "the same frame in two splits"
    return f"neighbours across splits, at most {counted(chart.within, 'frame')} apart"


def _near_words(clip: ClipLine, chart: ClipMap, crossings_of_clip: Sequence[Crossing]) -> str:
    if crossings_of_clip:
        return words.counted(len(crossings_of_clip), "pair")
    return "" if chart.within is None else "none"


def _left_out(chart: ClipMap, drawn: int) -> str:
    return f"The first {drawn:,} are drawn." if len(chart.clips) > drawn else ""
