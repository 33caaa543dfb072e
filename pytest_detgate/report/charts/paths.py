"""Path data of SVG: short, because charts are many and bytes count.

Positions are written to a tenth of a pixel, and as distances from the point before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Points = Sequence[tuple[float, float]]
Tenths = tuple[int, int]
# How far, in tenths of a pixel, a curve may be from a point that is left out.
_UNSEEN = 1.2


def path_data(runs: Iterable[Points], *, closed: bool = False, thin: bool = False) -> str:
    """Return the path through each run of points, in pixels.

    One point alone makes a line of no length, which has a dot where its ends have a shape.
    `closed` leads each run back to its start; `thin` leaves out points that nobody would miss.
    """
    return "".join(_run_data(_tenths(run), closed, thin) for run in runs if len(run))


def _tenths(run: Points) -> list[Tenths]:
    """Round to whole tenths first, so that errors do not add up from point to point."""
    points = [(round(x * 10), round(y * 10)) for x, y in run]
    return [point for index, point in enumerate(points) if not index or point != points[index - 1]]


def _run_data(points: list[Tenths], closed: bool, thin: bool) -> str:
    if thin:
        points = thinned(points)
    (x, y), *further = points
    text = _joined("M", [x, y], "")
    if not further:
        return f"{text}z" if closed else f"{text}h0"
    letter = "M"
    for next_x, next_y in further:
        before, right, down = letter, next_x - x, next_y - y
        if down == 0:
            letter, steps = "h", [right]
        elif right == 0:
            letter, steps = "v", [down]
        else:
            letter, steps = "l", [right, down]
        text += _joined(letter, steps, before)
        x, y = next_x, next_y
    return f"{text}z" if closed else text


def thinned(points: list[Tenths]) -> list[Tenths]:
    """Leave out points that are next to the line between others (Douglas and Peucker, 1973)."""
    chosen = {0, len(points) - 1}
    parts = [(0, len(points) - 1)]
    while parts:
        start, end = parts.pop()
        farthest, distance = _farthest(points, start, end)
        if distance > _UNSEEN:
            chosen.add(farthest)
            parts += [(start, farthest), (farthest, end)]
    return [points[index] for index in sorted(chosen)]


def _farthest(points: list[Tenths], start: int, end: int) -> tuple[int, float]:
    """Return which point is farthest from the line between two others, and how far."""
    (x0, y0), (x1, y1) = points[start], points[end]
    across, down = x1 - x0, y1 - y0
    length = math.hypot(across, down)
    farthest, most = start, 0.0
    for index in range(start + 1, end):
        x, y = points[index][0] - x0, points[index][1] - y0
        # A curve may come back to where it began, which is no line.
        far = abs(across * y - down * x) / length if length else math.hypot(x, y)
        if far > most:
            farthest, most = index, far
    return farthest, most


def _joined(letter: str, steps: list[int], before: str) -> str:
    """Write a command with as few characters as a parser needs to tell its numbers apart."""
    text = "" if letter == before else letter
    for step in steps:
        number = _number(step)
        text += number if text[-1:].isalpha() or number.startswith("-") else f" {number}"
    return text


def _number(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    text = (f"{whole or ''}.{rest}") if rest else str(whole)
    return f"-{text}" if tenths < 0 else text
