"""The sheet that a chart is drawn on: shapes by matplotlib, words by ourselves.

Words never go through matplotlib. It would measure them in a font that the page does not have,
warn about letters that this font lacks, and read `$` in a class name as mathematics.
Positions on a sheet are pixels from its upper left corner.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.scale import LogTransform
from matplotlib.transforms import (
    Affine2D,
    Bbox,
    BboxTransform,
    IdentityTransform,
    Transform,
    blended_transform_factory,
)
from numpy.typing import NDArray

from pytest_detgate.report.charts.markup import paths_of
from pytest_detgate.report.charts.text_layout import BOLD, SIZE, plain, shortened

WIDE, NARROW = 640.0, 350.0
SERIES = 6
TONES = ("ink", "dim", "line", "paper", "failed", *(f"series-{at + 1}" for at in range(SERIES)))
# matplotlib draws with colours that stand for the variables of the page.
_STAND_IN = {tone: f"#0000{at:02x}" for at, tone in enumerate(TONES, start=1)}
_VARIABLE = {colour: f"var(--{tone})" for tone, colour in _STAND_IN.items()}
# Whatever a matplotlibrc of the user's may say, the page looks the same.
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "detgate",
    "path.simplify": True,
    "path.simplify_threshold": 1 / 9,
    "path.sketch": None,
    "path.effects": [],
    "lines.scale_dashes": False,
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))

Anchor = Literal["start", "middle", "end"]
Shape = Literal["disc", "square", "triangle", "diamond", "ring", "bar"]
SHAPES: tuple[Shape, ...] = ("disc", "square", "triangle", "diamond", "ring", "bar")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Area:
    """A plot area: its place on the sheet in pixels, and how values become such."""

    left: float
    top: float
    right: float
    bottom: float
    values: Transform

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Give where a value is on the sheet."""
        across, down = self.values.transform((x, y))
        return float(across), float(down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A finished drawing, how wide it is, and in words what there was no room for."""

    svg: Markup
    width: float
    left_out: str = ""


@contextmanager
def sheet(width: float, height: float) -> Iterator[Sheet]:
    """Give an empty sheet; matplotlib's settings are as before afterwards."""
    with matplotlib.rc_context(_SETTINGS):
        yield Sheet(width, height)


class Sheet:
    """A drawing in the making, `width` × `height` pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._figure.patch.set_visible(False)
        self._from_top = Affine2D().scale(1, -1).translate(0, height)
        self._words: list[ET.Element] = []
        self._moving: ET.Element | None = None
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
        """Set up a plot area whose edges stand for the given ends of its axes."""
        # Axes of matplotlib's own would cost more time than all that is drawn in them.
        scale = blended_transform_factory(
            LogTransform(10) if log == "x" else IdentityTransform(),
            LogTransform(10) if log == "y" else IdentityTransform(),
        )
        ends = Bbox(scale.transform([(x[0], y[0]), (x[1], y[1])]))
        values = scale + BboxTransform(ends, Bbox([(left, bottom), (right, top)]))
        return Area(left, top, right, bottom, values)

    def lines(
        self,
        runs: Iterable[Points],
        kind: str,
        tone: str,
        width: float = 1.0,
        *,
        area: Area | None = None,
        dash: Sequence[float] = (),
        cap: Literal["butt", "round", "projecting"] = "butt",
        simplify: bool = False,
    ) -> None:
        """Draw lines, each through its points: in values of `area`, else in pixels.

        `kind` is the class of the drawn path. One point alone makes a dot, if `cap` has a shape.
        """
        whole = [run if len(run) > 1 else [run[0], run[0]] for run in runs if len(run)]
        path = _path(whole, Path.LINETO)
        if path is None:
            return
        path.should_simplify = simplify
        style: Any = (0, tuple(dash)) if dash else "solid"
        self._add(
            path,
            area,
            kind,
            facecolor="none",
            edgecolor=_STAND_IN[tone],
            linewidth=width,
            linestyle=style,
            capstyle=cap,
            joinstyle="round" if kind == "curve" else "miter",
        )

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
        path = _path([[*run, run[0]] for run in runs if len(run)], Path.CLOSEPOLY)
        if path is None:
            return
        path.should_simplify = False
        colour: Any = (_STAND_IN[tone], opacity)
        self._add(path, area, kind, facecolor=colour, edgecolor="none", linewidth=0)

    def shapes(self, places: Points, shape: Shape, tone: str, size: float = 6.0) -> None:
        """Draw a small shape at each of the places in pixels."""
        if not places:
            return
        half = size / 2
        dots = [[place] for place in places]
        if shape == "disc":
            self.lines(dots, "point", tone, size, cap="round")
        elif shape == "square":
            self.lines(dots, "point", tone, size - 0.5, cap="projecting")
        elif shape == "ring":
            self.lines(dots, "point", tone, size + 1, cap="round")
            self.lines(dots, "point", "paper", size - 2.5, cap="round")
        elif shape == "bar":
            runs = [[(x, y - half), (x, y + half)] for x, y in places]
            self.lines(runs, "point", tone, 1.5)
        else:
            corners = {
                "triangle": ((0, -half - 0.5), (half + 0.5, half), (-half - 0.5, half)),
                "diamond": ((0, -half - 1), (half + 1, 0), (0, half + 1), (-half - 1, 0)),
            }[shape]
            runs = [[(x + right, y + down) for right, down in corners] for x, y in places]
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
        said = shortened(whole, room / (BOLD if bold else 1.0), size) if room else whole
        word = ET.Element("text", {"x": _tenth(x), "y": _tenth(y)})
        if over:
            word.set("class", "over")
        if anchor != "start":
            word.set("text-anchor", anchor)
        if tone != "dim":
            word.set("fill", f"var(--{tone})")
        if size != SIZE:
            word.set("font-size", _tenth(size))
        if bold:
            word.set("font-weight", "600")
        if turn:
            word.set("transform", f"rotate({turn:g} {_tenth(x)} {_tenth(y)})")
        word.text = said
        if said != whole:
            ET.SubElement(word, "title").text = whole
        self._words.append(word)

    def moving(
        self, x: float, x0: float, x1: float, top: float, bottom: float, shown: bool
    ) -> None:
        """Add the line that the page's script moves, and say where scores 0 and 1 are."""
        self._moving = ET.Element(
            "line",
            {
                "class": "moving",
                "x1": _tenth(x),
                "x2": _tenth(x),
                "y1": _tenth(top),
                "y2": _tenth(bottom),
            },
        )
        if not shown:
            self._moving.set("visibility", "hidden")
        self._data = {
            "data-score-axis": "",
            "data-x0": _tenth(x0),
            "data-x1": _tenth(x1),
            "data-top": _tenth(top),
            "data-bottom": _tenth(bottom),
        }

    def finish(self, name: str, label: str, left_out: str = "") -> Drawn:
        """Give the drawing as an `svg` element with the id `name`, read out as `label`."""
        size = {"width": _tenth(self.width), "height": _tenth(self.height)}
        svg = ET.Element(
            "svg",
            {
                "class": "plot",
                "id": name,
                "viewBox": f"0 0 {size['width']} {size['height']}",
                **size,
                "role": "img",
                "aria-label": plain(label),
                "fill": "none",
                "font-size": _tenth(SIZE),
                **self._data,
            },
        )
        written = io.BytesIO()
        FigureCanvasSVG(self._figure).print_svg(written, metadata=_NO_METADATA)  # type: ignore[no-untyped-call]
        for group, path in paths_of(written.getvalue(), _VARIABLE):
            path.set("class", group)
            svg.append(path)
        if self._moving is not None:
            svg.append(self._moving)
        words = ET.SubElement(svg, "g", {"fill": "var(--dim)"})
        words.extend(self._words)
        said = Markup(ET.tostring(svg, encoding="unicode"))
        return Drawn(svg=said, width=self.width, left_out=left_out)

    def _add(self, path: Path, area: Area | None, kind: str, **style: Any) -> None:
        patch = PathPatch(path, clip_on=False, **style)
        patch.set_gid(kind)
        patch.set_transform(area.values + self._from_top if area else self._from_top)
        self._figure.add_artist(patch)


def _path(runs: Sequence[Points], last: Any) -> Path | None:
    """Join runs of points into one path."""
    if not runs:
        return None
    points: NDArray[np.float64] = np.array([point for run in runs for point in run], dtype=float)
    codes = np.full(len(points), Path.LINETO, dtype=Path.code_type)
    ends = np.cumsum([len(run) for run in runs])
    codes[ends - 1] = last
    codes[0] = codes[ends[:-1]] = Path.MOVETO
    return Path(points, codes)


def _tenth(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
