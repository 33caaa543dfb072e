"""Reading a drawing back: what is where on it, without the code that drew it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pytest_detgate.evidence import Chart
from pytest_detgate.report.charts.draw import Drawing, drawing_of

Point = tuple[float, float]
# Positions are written with one decimal, so each is off by half a tenth at most.
TENTH = 0.051


@dataclass
class Plot:
    """An `svg` element, parsed."""

    root: ET.Element

    @property
    def size(self) -> Point:
        _, _, width, height = map(float, self.root.attrib["viewBox"].split())
        return width, height

    def paths(self, kind: str) -> list[ET.Element]:
        return [path for path in self.root.iter("path") if path.get("class") == kind]

    def runs(self, kind: str) -> list[list[Point]]:
        """The points of all paths of a kind, a list for each line that the pen draws."""
        return [run for path in self.paths(kind) for run in points(path.attrib["d"])]

    def words(self) -> list[str]:
        return [text.text or "" for text in self.root.iter("text")]

    def word(self, message: str, anchor: str = "") -> ET.Element:
        listed = [
            text
            for text in self.root.iter("text")
            if text.text == message and (not anchor or text.get("text-anchor") == anchor)
        ]
        assert len(listed) == 1, (message, self.words())
        return listed[0]

    def point(self, text: str, anchor: str = "") -> Point:
        element = self.word(text, anchor)
        return float(element.attrib["x"]), float(element.attrib["y"])


def plots(drawing: Drawing) -> list[Plot]:
    return [Plot(ET.fromstring(svg)) for svg in (drawing.svg, drawing.narrow) if svg]


def wide(chart: Chart) -> Plot:
    return Plot(ET.fromstring(drawing_of(chart, "chart").svg))


def narrow(chart: Chart) -> Plot:
    drawing = drawing_of(chart, "chart")
    assert drawing.narrow is not None
    return Plot(ET.fromstring(drawing.narrow))


def points(data: str) -> list[list[Point]]:
    """Follow the pen of path data, after the SVG specification; curves do not occur."""
    words = iter(re.findall(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)", data))
    tokens = list(words)
    runs: list[list[Point]] = []
    x = y = 0.0
    letter, index = "", 0

    def take() -> float:
        nonlocal index
        index += 1
        return float(tokens[index - 1])

    while index < len(tokens):
        if tokens[index].isalpha():
            letter, index = tokens[index], index + 1
        if letter == "M":
            x, y = take(), take()
            runs.append([(x, y)])
            continue
        if letter == "z":
            x, y = runs[-1][0]
            continue
        assert letter in "lhv", data
        x += take() if letter in "lh" else 0.0
        y += take() if letter in "lv" else 0.0
        runs[-1].append((x, y))
    return runs


def scale(first: Point, other: Point) -> Callable[[float], float]:
    """From pixels to values, by two places `(pixel, value)` of an axis."""
    (p, v), (q, w) = first, other
    return lambda pixel: v + (pixel - p) * (w - v) / (q - p)


def corners(path: ET.Element) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each shape of a path."""
    for run in points(path.attrib["d"]):
        across, down = [x for x, _ in run], [y for _, y in run]
        yield min(across), min(down), max(across), max(down)
