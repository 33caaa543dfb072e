"""Names that were given up: they say neither what a thing is nor what a function does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GIVEN_UP = {
    "one": "what it is: `measurement`, `gap`, `curve`",
    "found": "what was found, or `is_found` for a mask",
    "place": "`location`, `position`, `path`",
    "places": "`positions`, `paths`",
    "at": "`index`, `row`, `threshold`, `time`",
    "figure": "`value`, `metric`; a function that returns one: `value_of`",
    "figures": "`values`, `metrics`",
    "held": "`judged_value`, `measurement`",
    "kept": "what is left: `chosen_rows`, `is_within`",
    "told": "`text`, `notes`",
    "said": "`text`, `reason`",
}
IN_REPORT = "a field of report.json, whose keys stay"
DRAWING = "a drawing on the page, which HTML calls a figure too"
FILES = {
    "tests/campaign/test_found.py": "the name of the folder whose files it reads",
    "tests/report/figures/test_figures.py": DRAWING,
}
"""Files whose names stay, each with its reason."""
# By file: the names that stay, each with its reason.
EXCEPTIONS = {
    "pytest_detgate/evidence.py": {"at": IN_REPORT, "one": IN_REPORT, "held": IN_REPORT},
    "pytest_detgate/record/report.py": {"kept": IN_REPORT},
    "pytest_detgate/report/page/threshold_slider.py": {
        "held": "a key of the data that the script of the page reads",
    },
    "pytest_detgate/report/page/evidence_section.py": {"figures": DRAWING},
    "pytest_detgate/report/figures/findings.py": {"Figure": DRAWING, "_figure": DRAWING},
    "pytest_detgate/report/figures/select.py": {
        "Figures": DRAWING,
        "FIGURES": DRAWING,
        "figures": DRAWING,
    },
    "tests/report/charts/test_drawing.py": {"figure": DRAWING},
    "tests/report/figures/test_album.py": {"figure": DRAWING},
    "tests/report/figures/test_detections.py": {"figure": DRAWING},
    "tests/report/figures/test_figures.py": {"figure": DRAWING, "figures": DRAWING},
    "tests/report/figures/test_strips.py": {"figure": DRAWING},
    "tests/report/page/test_browser.py": {"figure": DRAWING},
    "tests/report/page/test_interaction.py": {"figure": DRAWING},
    "tests/report/page/test_page.py": {"figure": DRAWING, "figures": DRAWING},
}
STORED = "tests/campaign/found"
"""Cases as they were found, which are data."""


def bound_names(node: ast.AST) -> Iterator[str]:
    """The names that a node of the syntax tree binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def given_up_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each binding of a name that was given up."""
    for node in ast.walk(ast.parse(source)):
        for name in bound_names(node):
            if name.strip("_").lower() in GIVEN_UP:
                yield getattr(node, "lineno", 0), name


def source_files() -> list[Path]:
    folders = ("pytest_detgate", "checks", "fixtures", "tests")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in paths if ROOT / STORED not in path.parents]


def test_no_name_that_was_given_up_is_bound() -> None:
    mistakes = []
    for path in source_files():
        file = path.relative_to(ROOT).as_posix()
        for line, name in given_up_names(path.read_text("utf-8")):
            if name not in EXCEPTIONS.get(file, {}):
                better = GIVEN_UP[name.strip("_").lower()]
                mistakes.append(f"{file}:{line}: {name}: say {better}")
    assert not mistakes, "\n".join(mistakes)


def test_no_file_has_a_name_that_was_given_up() -> None:
    stems = {path.relative_to(ROOT).as_posix(): path.stem for path in source_files()}

    given_up = {file for file, stem in stems.items() if stem.removeprefix("test_") in GIVEN_UP}

    assert given_up == set(FILES)


def test_each_exception_is_still_needed() -> None:
    for file, names in EXCEPTIONS.items():
        used = {name for _, name in given_up_names((ROOT / file).read_text("utf-8"))}
        assert set(names) == used, file


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "for at, row in rows: ...",
        "[one for one in rows]",
        "def read(place): ...",
        "lambda *, kept: kept",
        "def _told(): ...",
        "class Figure: ...",
        "class Curve:\n    held: int",
        "self._places = {}",
        "(said := text)",
        "with file as found: ...",
        "import numpy as one",
        "try: ...\nexcept ValueError as said: ...",
        "match rows:\n    case [one, *_]: ...",
        "match rows:\n    case {**kept}: ...",
    ],
)
def test_a_binding_is_seen_wherever_it_is(source: str) -> None:
    assert len(list(given_up_names(source))) == 1


@pytest.mark.parametrize("source", ["np.add.at(total, rows)", "read(place=1)", "found_boxes = 1"])
def test_a_use_or_a_longer_name_is_no_binding(source: str) -> None:
    assert not list(given_up_names(source))
