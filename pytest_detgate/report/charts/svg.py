"""The sheet that a chart is drawn on, as inline SVG.

Positions on a sheet are pixels from its upper left corner. Colours are variables of the page, so
that a chart is dark where the page is; there are no style attributes, which a strict content
security policy refuses.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from pytest_detgate.report.charts.paths import Points, path_data
from pytest_detgate.report.charts.text_layout import BOLD, SIZE, plain, shortened

WIDE, NARROW = 640.0, 350.0
SERIES = 6
TONES = (
    "ink",
    "dim",
    "line",
    "paper",
    "failed",
    *(f"series-{index + 1}" for index in range(SERIES)),
)

Anchor = Literal["start", "middle", "end"]
Shape = Literal["disc", "square", "triangle", "diamond", "ring", "bar"]
SHAPES: tuple[Shape, ...] = ("disc", "square", "triangle", "diamond", "ring", "bar")


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis: its ends in values and in pixels; on a logarithmic one both values are above 0."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def pixel(self, value: float) -> float:
        """Return where a value is; one that has no logarithm is at the lower end."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 0) or low)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Area:
    """A plot area: its place on the sheet in pixels, and how values become such."""

    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return where a value is on the sheet."""
        return self.x.pixel(x), self.y.pixel(y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A finished drawing, how wide it is, and in words what there was no room for."""

    svg: Markup
    width: float
    left_out: str = ""


class Sheet:
    """A drawing in the making, `width` × `height` pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._paths: list[ET.Element] = []
        self._texts: list[ET.Element] = []
        self._moving: list[ET.Element] = []
        self._data: dict[str, str] = {}

    def area(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        *,
        x: tuple[float, float],
        y: tuple[float, float],
        log: Literal["", "x", "y"] = "",
    ) -> Area:
        """Set up a plot area whose edges are the given ends of its axes."""
        across = Scale(*x, left, right, log == "x")
        return Area(left, top, right, bottom, across, Scale(*y, bottom, top, log == "y"))

    def lines(
        self,
        runs: Iterable[Points],
        kind: str,
        tone: str,
        width: float = 1.0,
        *,
        area: Area | None = None,
        dash: Sequence[float] = (),
        cap: Literal["butt", "round", "square"] = "butt",
        thin: bool = False,
    ) -> None:
        """Draw lines, each through its points: in values of `area`, else in pixels.

        `kind` is the class of the drawn path. One point alone makes a dot, if `cap` has a shape.
        """
        style = {"stroke": f"var(--{tone})"}
        if width != 1:
            style["stroke-width"] = f"{width:g}"
        if dash:
            style["stroke-dasharray"] = ",".join(f"{length:g}" for length in dash)
        if cap != "butt":
            style["stroke-linecap"] = cap
        self._add(path_data(_pixels(runs, area), thin=thin), kind, style)

    def fills(
        self,
        runs: Iterable[Points],
        kind: str,
        tone: str,
        opacity: float = 1.0,
        *,
        area: Area | None = None,
    ) -> None:
        """Fill shapes, each given by its corners: in values of `area`, else in pixels."""
        style = {"fill": f"var(--{tone})"}
        if opacity != 1:
            style["fill-opacity"] = f"{opacity:g}"
        self._add(path_data(_pixels(runs, area), closed=True), kind, style)

    def shapes(self, positions: Points, shape: Shape, tone: str, size: float = 6.0) -> None:
        """Draw a small shape at each of the places in pixels."""
        half = size / 2
        dots = [[position] for position in positions]
        if shape == "disc":
            self.lines(dots, "point", tone, size, cap="round")
        elif shape == "square":
            self.lines(dots, "point", tone, size - 0.5, cap="square")
        elif shape == "ring":
            self.lines(dots, "point", tone, size + 1, cap="round")
            self.lines(dots, "point", "paper", size - 2.5, cap="round")
        elif shape == "bar":
            runs = [[(x, y - half), (x, y + half)] for x, y in positions]
            self.lines(runs, "point", tone, 1.5)
        else:
            corners = {
                "triangle": ((0, -half - 0.5), (half + 0.5, half), (-half - 0.5, half)),
                "diamond": ((0, -half - 1), (half + 1, 0), (0, half + 1), (-half - 1, 0)),
            }[shape]
            runs = [[(x + right, y + down) for right, down in corners] for x, y in positions]
            self.fills(runs, "point", tone)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Anchor = "start",
        tone: str = "dim",
        size: float = SIZE,
        bold: bool = False,
        turn: float = 0.0,
        room: float = 0.0,
        over: bool = False,
    ) -> None:
        """Write a line of text with its baseline at `y`.

        What does not fit into `room` is cut; the whole is then in a tooltip. `over` keeps it
        legible where lines pass below it.
        """
        whole = plain(text)
        shown = shortened(whole, room / (BOLD if bold else 1.0), size) if room else whole
        element = ET.Element("text", {"x": _tenth(x), "y": _tenth(y)})
        if over:
            element.set("class", "over")
        if anchor != "start":
            element.set("text-anchor", anchor)
        if tone != "dim":
            element.set("fill", f"var(--{tone})")
        if size != SIZE:
            element.set("font-size", _tenth(size))
        if bold:
            element.set("font-weight", "600")
        if turn:
            element.set("transform", f"rotate({turn:g} {_tenth(x)} {_tenth(y)})")
        element.text = shown
        if shown != whole:
            ET.SubElement(element, "title").text = whole
        self._texts.append(element)

    def moving(
        self, x: float, x0: float, x1: float, top: float, bottom: float, shown: bool
    ) -> None:
        """Add the line that the page's script moves, and say where scores 0 and 1 are."""
        ends = {"x1": _tenth(x), "x2": _tenth(x), "y1": _tenth(top), "y2": _tenth(bottom)}
        hidden = {} if shown else {"visibility": "hidden"}
        self._moving = [ET.Element("line", {"class": "moving", **ends, **hidden})]
        self._data = {
            "data-score-axis": "",
            "data-x0": _tenth(x0),
            "data-x1": _tenth(x1),
            "data-top": _tenth(top),
            "data-bottom": _tenth(bottom),
        }

    def finish(self, name: str, label: str, left_out: str = "") -> Drawn:
        """Return the drawing as an `svg` element with the id `name`, read out as `label`."""
        width, height = _tenth(self.width), _tenth(self.height)
        svg = ET.Element(
            "svg",
            {
                "class": "plot",
                "id": name,
                "viewBox": f"0 0 {width} {height}",
                "width": width,
                "height": height,
                "role": "img",
                "aria-label": plain(label),
                "fill": "none",
                "font-size": _tenth(SIZE),
                **self._data,
            },
        )
        svg.extend([*self._paths, *self._moving])
        # Words are on top of everything else.
        ET.SubElement(svg, "g", {"fill": "var(--dim)"}).extend(self._texts)
        written = Markup(ET.tostring(svg, encoding="unicode"))
        return Drawn(svg=written, width=self.width, left_out=left_out)

    def _add(self, data: str, kind: str, style: dict[str, str]) -> None:
        if data:
            self._paths.append(ET.Element("path", {"d": data, "class": kind, **style}))


def _pixels(runs: Iterable[Points], area: Area | None) -> Iterable[Points]:
    return runs if area is None else ([area.pixel(x, y) for x, y in run] for run in runs)


def _tenth(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
