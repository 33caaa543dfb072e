"""Path data and styles, against what the SVG specification makes of them."""

from __future__ import annotations

import pytest

from pytest_detgate.report.charts.markup import paths_of, shorter

from .reading import points

SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg"><g id="figure_1">
<g id="curve"><path d="M 1 2 &#10;L 3.04 4.06 &#10;" clip-path="url(#p)"
 style="fill: none; stroke-dasharray: 6,3; stroke-dashoffset: 0; stroke: #000001;
 stroke-width: 1.5; stroke-linecap: butt"/></g>
<g id="band"><path d="M 0 0 L 5 0 L 5 5 z" style="fill: #000002; opacity: 0.4"/></g>
</g></svg>"""


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("M 10 20 \nL 13 24 \nL 16.2 23 \n", "M10 20l3 4 3.2-1"),
        ("M 0 0 \nL 30 0 \nL 30 5.5 \nL 0 5.5 \nz \n", "M0 0h30v5.5h-30z"),
        ("M 1 1 \nL 1 1 \nM 5 5 \nL 5 5 \n", "M1 1h0M5 5h0"),
        ("M 0 0 L 3 4 L 3 4 L 3 4.01", "M0 0l3 4"),
        ("M 0 0 L 0.26 0.26 L 1 0", "M0 0l.3 .3 .7-.3"),
        ("M -0.04 -0.5 L 10 10", "M0-.5l10 10.5"),
        ("", ""),
    ],
)
def test_paths_are_written_short(written: str, short: str) -> None:
    assert shorter(written) == short


def test_rounding_does_not_add_up_along_a_path() -> None:
    # Each step of 0.04 alone would round to nothing.
    written = "M 0 0 " + " ".join(f"L {at * 0.04} {at * 0.26}" for at in range(1, 1001))

    ((*_, (x, y)),) = points(shorter(written))

    assert (round(x, 6), round(y, 6)) == (40, 260)


def test_styles_become_attributes_and_colours_variables() -> None:
    colours = {"#000001": "var(--ink)", "#000002": "var(--series-1)"}

    (curve, line), (band, area) = paths_of(SVG, colours)

    assert (curve, band) == ("curve", "band")
    assert line.attrib == {
        "d": "M1 2l2 2.1",
        "stroke": "var(--ink)",
        "stroke-width": "1.5",
        "stroke-dasharray": "6,3",
    }
    assert area.attrib == {
        "d": "M0 0h5v5z",
        "fill": "var(--series-1)",
        "fill-opacity": "0.4",
        "stroke-opacity": "0.4",
    }
