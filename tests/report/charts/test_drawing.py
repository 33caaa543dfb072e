"""What holds for charts of every kind."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pytest_detgate.evidence import Chart
from pytest_detgate.report.charts.draw import Drawing, drawing_of
from pytest_detgate.report.rendering import prose

from .reading import plots
from .samples import DEGENERATE, HOSTILE, SAMPLES, every

TEMPLATES = Path(str(files("pytest_detgate.templates")))
KINDS = pytest.mark.parametrize("chart", SAMPLES.values(), ids=SAMPLES)
HOSTILES = every(HOSTILE, HOSTILE)
ALL = {**SAMPLES, **DEGENERATE, **{f"hostile {name}": chart for name, chart in HOSTILES.items()}}
ALL_KINDS = pytest.mark.parametrize("chart", ALL.values(), ids=ALL)


def markup(drawing: Drawing) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["prose"] = prose
    module = environment.get_template("_chart.html.j2").module
    return str(module.chart(drawing))  # type: ignore[attr-defined]


@ALL_KINDS
def test_nothing_in_a_drawing_needs_more_than_the_policy_grants(chart: Chart) -> None:
    for plot in plots(drawing_of(chart, "one")):
        for element in plot.root.iter():
            assert element.tag in {"svg", "g", "path", "line", "text", "title"}
            for name, value in element.attrib.items():
                assert name != "style"
                assert not name.startswith("on")
                assert "href" not in name
                assert "url(" not in value


@ALL_KINDS
def test_colours_are_the_variables_of_the_page(chart: Chart) -> None:
    for plot in plots(drawing_of(chart, "one")):
        for element in plot.root.iter():
            for name in ("fill", "stroke"):
                assert re.fullmatch(r"none|var\(--[a-z0-9-]+\)", element.get(name, "none"))


@ALL_KINDS
def test_ids_begin_with_the_name_and_are_unique(chart: Chart) -> None:
    drawing = drawing_of(chart, "rule-7-chart-1")
    ids = [first for plot in plots(drawing) for e in plot.root.iter() if (first := e.get("id"))]

    assert ids[0] == "rule-7-chart-1"
    assert len(ids) == len(set(ids))
    assert all(entry.startswith("rule-7-chart-1") for entry in ids)


@ALL_KINDS
def test_words_stay_on_the_sheet(chart: Chart) -> None:
    for plot in plots(drawing_of(chart, "one")):
        width, height = plot.size
        assert width <= 640
        assert 0 < height < 3000
        for text in plot.root.iter("text"):
            assert 0 <= float(text.attrib["x"]) <= width
            assert 0 <= float(text.attrib["y"]) <= height


@KINDS
def test_a_drawing_is_read_out_by_its_title(chart: Chart) -> None:
    for plot in plots(drawing_of(chart, "one")):
        assert plot.root.get("role") == "img"
        assert plot.root.get("aria-label") == chart.title


@KINDS
def test_a_drawing_is_small(chart: Chart) -> None:
    drawing = drawing_of(chart, "one")

    assert len(drawing.svg) + len(drawing.narrow or "") < 12_000


@ALL_KINDS
def test_each_row_of_the_table_has_a_cell_for_each_column(chart: Chart) -> None:
    drawing = drawing_of(chart, "one")

    assert {len(row) for row in drawing.rows} <= {len(drawing.columns)}
    assert drawing.caption


@pytest.mark.parametrize("chart", HOSTILES.values(), ids=HOSTILES)
def test_hostile_words_are_shown_as_they_are(chart: Chart) -> None:
    shown = HOSTILE.encode("utf-8", "replace").decode()
    shown = shown.replace("\x00", "␀").replace("\x1b", "␛")
    shown = shown.replace("\u202e", "\ufffd").replace("\ufffe", "\ufffd")
    drawing = drawing_of(chart, "one")

    for plot in plots(drawing):
        tips = [title.text or "" for title in plot.root.iter("title")]
        assert any(shown in tip for tip in tips)
        assert all("…" in (text.text or "") for text in plot.root.iter("text") if len(text))
        assert shown in plot.root.attrib["aria-label"]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", "".join(tips))


@KINDS
def test_the_macro_shows_the_drawing_and_its_numbers(chart: Chart) -> None:
    drawing = drawing_of(chart, "one")
    figure = ET.fromstring(markup(drawing))

    assert figure.tag == "figure"
    heading = figure.find("h4")
    assert heading is not None
    assert "".join(heading.itertext()) == chart.title
    assert len(list(figure.iter("svg"))) == (2 if drawing.narrow else 1)
    heads = ["".join(cell.itertext()) for cell in figure.iter("th") if cell.get("scope") == "col"]
    assert heads == drawing.columns
    body = figure.find("details/div/table/tbody")
    assert body is not None
    assert [["".join(cell.itertext()) for cell in row] for row in body] == drawing.rows


def test_drawing_imports_no_plotting_library() -> None:
    script = """
import sys
from pytest_detgate.report.charts.draw import drawing_of
from pytest_detgate.evidence import BarChart
drawing_of(BarChart(title="t", about="a", label="l", bars=[]), "one")
assert not {"matplotlib", "numpy", "scipy", "PIL"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_code_in_a_sentence_needs_both_of_its_signs() -> None:
    assert prose("set `a < b` & go") == "set <code>a &lt; b</code> &amp; go"
    assert prose("a ` b & c") == "a ` b &amp; c"
