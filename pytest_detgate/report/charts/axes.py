"""What is around curves and histograms: axes, grid, marks, and the key to the curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import Axis, Mark
from pytest_detgate.report.charts import ticks as scales
from pytest_detgate.report.charts.number_tables import cell
from pytest_detgate.report.charts.svg import NARROW, SERIES, SHAPES, Area, Shape, Sheet
from pytest_detgate.report.charts.text_layout import in_lines, plain, width_of

LINE = 16.0  # from one line of words to the next
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2.5), (1.5, 2), (8, 2, 1.5, 2), (3, 2), (10, 3))
MARK_DASH = (3.0, 3.0)
MARK_ROWS = 4
_SAMPLE = 22.0  # what a key needs before its word


@dataclass(frozen=True, slots=True)
class Look:
    """What distinguishes one series from the others: by colour, and by dash or shape."""

    tone: str
    dash: tuple[float, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Key:
    """A word of the key: a series, or a mark on the axis of values where `look` is None."""

    name: str
    look: Look | None = None


def look_of(index: int) -> Look:
    """Give the look of a series by its place; it comes again after 36."""
    turn = index // SERIES
    shift = (index + turn) % SERIES
    return Look(f"series-{index % SERIES + 1}", DASHES[shift], SHAPES[shift])


def key_height(keys: Sequence[Key], room: float) -> float:
    """Give how high the key is, with the space below it."""
    positions = _key_places(keys, room)
    return (positions[-1][0] + 1) * LINE + 8 if positions else 0.0


def draw_key(
    sheet: Sheet, keys: Sequence[Key], left: float, top: float, room: float, form: str
) -> None:
    """Write the key from `left` and `top` on: a sample and a name for each."""
    for key, (line, along) in zip(keys, _key_places(keys, room), strict=True):
        x, y = left + along, top + line * LINE + LINE - 4
        sample = [(x, y - 4), (x + 16, y - 4)]
        if key.look is None:
            sheet.lines([sample], "key", "ink", 1, dash=MARK_DASH)
        elif form == "dots":
            sheet.shapes([(x + 8, y - 4)], key.look.shape, key.look.tone)
        else:
            sheet.lines([sample], "key", key.look.tone, 2, dash=key.look.dash)
        sheet.text(x + _SAMPLE, y, key.name, tone="ink", room=room - _SAMPLE, over=True)


def _key_places(keys: Sequence[Key], room: float) -> list[tuple[int, float]]:
    return name_places([key.name for key in keys], room, _SAMPLE)


def name_places(names: Sequence[str], room: float, sample: float) -> list[tuple[int, float]]:
    """Give the line of each name of a key and its place on that, behind a sample of some width."""
    widths = [min(sample + width_of(plain(name)), room) for name in names]
    return in_lines(widths, room, 14)


def draw_values(
    sheet: Sheet,
    area: Area,
    positions: Sequence[float],
    words: Sequence[str],
) -> None:
    """Draw the axis of values: a quiet line across and a number for each tick."""
    across = [area.pixel(0, position)[1] for position in positions]
    sheet.lines([[(area.left, y), (area.right, y)] for y in across], "grid", "line")
    for y, word in zip(across, words, strict=True):
        sheet.text(area.left - 6, y + 4, word, anchor="end")


def draw_base(
    sheet: Sheet,
    area: Area,
    positions: Sequence[float],
    words: Sequence[str],
    label: str,
    *,
    to_position: Callable[[float], float] | None = None,
) -> None:
    """Draw the lower axis: ticks, their numbers, and what they count."""
    across = [
        to_position(position) if to_position else area.pixel(position, 0)[0]
        for position in positions
    ]
    ticks = [[(x, area.bottom), (x, area.bottom + 4)] for x in across]
    base = [(area.left, area.bottom), (area.right, area.bottom)]
    sheet.lines([base, *ticks], "axis", "dim")
    taken = -1e9
    for x, word in zip(across, words, strict=True):
        half = width_of(word) / 2
        x = min(x, sheet.width - half)
        if x - half < taken + 4:
            continue
        taken = x + half
        sheet.text(x, area.bottom + 16, word, anchor="middle")
    if label:
        room = area.right - area.left
        sheet.text(area.right, area.bottom + 33, label, anchor="end", room=room)


def marks_on(axis: Axis, marks: Iterable[Mark]) -> list[Mark]:
    """Give the marks of an axis that can be drawn."""
    return [mark for mark in marks if mark.axis == axis and scales.finite(mark.at) is not None]


def mark_rows(
    marks: Sequence[Mark], to_position: Callable[[float], float], right: float
) -> list[int]:
    """Give the line above the plot on which each mark has its words; -1 where there is no room.

    Lines are counted from the plot upwards. Words are right of their mark, or left of it where
    the sheet ends at `right`.
    """
    rows = [-1] * len(marks)
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MARK_ROWS)]
    pixels = [to_position(mark.at) for mark in marks]
    words = [_mark_words(mark, x, right) for mark, x in zip(marks, pixels, strict=True)]

    # Words reach over the marks beside theirs, whose own are then to be below.
    def farthest_first(number: int) -> tuple[bool, float]:
        leftwards = words[number][0] < pixels[number]
        return leftwards, pixels[number] if leftwards else -pixels[number]

    for number in sorted(range(len(marks)), key=farthest_first):
        start, end = words[number]
        for row in range(MARK_ROWS):
            free = all(end < left or start > over for left, over in taken[row])
            crossed = any(rows[other] > row and start < x < end for other, x in enumerate(pixels))
            crosses = any(
                left < pixels[number] < over for below in taken[:row] for left, over in below
            )
            if free and not crossed and not crosses:
                taken[row].append((start - 3, end + 8))
                rows[number] = row
                break
    return rows


def marks_height(rows: Sequence[int]) -> float:
    """Give how high the words of marks are."""
    return (max(rows, default=-1) + 1) * LINE


def unsaid(marks: Sequence[Mark], rows: Sequence[int]) -> str:
    """Say which marks have no words on the drawing."""
    silent = [mark for mark, row in zip(marks, rows, strict=True) if row < 0]
    if not silent:
        return ""
    named = [f"{mark.label} at {cell(mark.at)}" for mark in silent[:8]]
    more = [f"and {len(silent) - 8} more"] if len(silent) > 8 else []
    return f"Marks without words: {', '.join(named + more)}."


def draw_marks(
    sheet: Sheet,
    area: Area,
    marks: Sequence[Mark],
    rows: Sequence[int],
    right: float,
) -> None:
    """Draw the marks on the lower axis, with words where they have a row."""
    for mark, row in zip(marks, rows, strict=True):
        x = area.pixel(mark.at, 0)[0]
        top = area.top - (row + 1) * LINE + 6 if row >= 0 else area.top
        sheet.lines([[(x, top), (x, area.bottom)]], "mark", "ink", 1, dash=MARK_DASH)
        if row >= 0:
            start, end = _mark_words(mark, x, right)
            y, room = area.top - row * LINE - 5, end - start
            if start >= x:
                sheet.text(start, y, mark.label, tone="ink", room=room, over=True)
            else:
                sheet.text(end, y, mark.label, anchor="end", tone="ink", room=room, over=True)


def _mark_words(mark: Mark, x: float, right: float) -> tuple[float, float]:
    wide = min(width_of(plain(mark.label)), 0.55 * right)
    if x + 4 + wide <= right or x - 4 - wide < 0:
        return x + 4, max(min(x + 5 + wide, right), x + 5)
    return x - 5 - wide, x - 4


def narrow(width: float) -> bool:
    """Tell whether this is a drawing for a narrow page."""
    return width <= NARROW


def widest(words: Sequence[str], *, bold: bool = False) -> float:
    """Give the width of the widest word, 0 where there is none."""
    return max((width_of(word, bold=bold) for word in words), default=0.0)
