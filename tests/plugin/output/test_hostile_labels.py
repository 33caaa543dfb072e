"""A name from a data file never controls a terminal, a build server or a page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from pytest_detgate.testing import coco_content
from tests.plugin.conftest import CONFIG, GateProject

CLASSES = ["\x1b[2Jclear", "a\n::error file=x::pwned", "::warning::b", "right\u202eleft", "nul\0"]
SHOWN = [
    r"\x1b[2Jclear", r"a\n::error file=x::pwned", "::warning::b", r"right\u202eleft", r"nul\x00",
]  # fmt: skip
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


@pytest.fixture
def hostile(project: GateProject) -> GateProject:
    """The project with such classes, none of which is found."""
    box = (10, 10, 40, 40)
    images = {f"roof_{index}.jpg": [(name, *box)] for index, name in enumerate(CLASSES)}
    project.write("data/val.json", coco_content(images, CLASSES))
    truth = json.loads((project.pytester.path / "data/val.json").read_text())
    project.write(
        "found/val.json",
        {"images": truth["images"], "categories": truth["categories"], "annotations": []},
    )
    head = CONFIG.partition("[rules.")[0]
    project.write("detgate.toml", head + "[rules.class-ap]\nmin = 0.5\n")
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_names_of_items(
    hostile: GateProject, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    options = ("-v", "-rA", "--junitxml=junit.xml", "--color=no", *workers)
    val = hostile.arguments[0]

    result = hostile.gate(val, *options, with_predictions=False)

    assert result.ret == 1
    ids = [f"class-ap[{name}]" for name in SHOWN]
    assert list(hostile.verdicts()) == ids
    text = result.stdout.str() + result.stderr.str()
    assert not CONTROL.search(text)
    commands = [line for line in result.outlines if line.startswith(("::", "##["))]
    assert len(commands) == len(CLASSES)
    assert all(line.startswith("::error file=detgate.toml,line=") for line in commands)
    for name in ids:
        assert f"detgate.toml::{name}" in text
    cases = ElementTree.parse(hostile.pytester.path / "junit.xml").iter("testcase")
    assert sorted(case.attrib["name"] for case in cases) == sorted(ids)
    for file in ("index.html", "summary.md", "badge.svg"):
        written = (hostile.pytester.path / "detgate-report" / file).read_text("utf-8")
        assert not CONTROL.search(written)
        assert file == "index.html" or "\n::" not in written


def test_item_is_selected_by_its_visible_name(hostile: GateProject) -> None:
    val = hostile.arguments[0]
    node_id = f"detgate.toml::class-ap[{SHOWN[0]}]"

    result = hostile.gate_here(node_id, val, with_predictions=False)

    assert result.ret == 1
    assert list(hostile.verdicts()) == [f"class-ap[{SHOWN[0]}]"]
    assert len(hostile.report["not_selected"]) == len(CLASSES) - 1


def test_names_of_values_in_junit(project: GateProject) -> None:
    box = (10, 10, 40, 40)
    images = {f"roof_{index}.jpg": [(name, *box)] for index, name in enumerate(CLASSES)}
    project.write("data/val.json", coco_content(images, CLASSES))
    head = CONFIG.partition("[rules.")[0]
    project.write("detgate.toml", head + '[rules.class-balance]\nsplits = ["val"]\nmax-ratio = 2\n')

    result = project.gate_here("detgate.toml", "--junitxml=junit.xml", with_predictions=False)

    assert result.ret == 0
    actual = ElementTree.parse(project.pytester.path / "junit.xml").iter("property")
    names = {entry.attrib["name"] for entry in actual}
    assert {f"detgate.boxes[{name}]" for name in SHOWN} <= names


def test_names_that_become_one_are_refused(project: GateProject) -> None:
    content = coco_content({"roof_1.jpg": []}, ["\x1b", r"\x1b"])
    project.write("data/val.json", content)

    result = project.gate_here()

    assert result.ret == 4
    assert r"two items would be named 'class-ap[\\x1b]'" in result.stderr.str()


@pytest.mark.parametrize(
    "table",
    ['[rules."\\u001b[2J::x"]\n', '[rules.mean-ap]\nmin = 0.1\n"a\\n::error::b" = 1\n',
     '[dataset.splits."a\\n::error::b"]\nannotations = 1\n'],
)  # fmt: skip
def test_mistakes_in_the_configuration(project: GateProject, table: str) -> None:
    project.write("detgate.toml", CONFIG.partition("[rules.")[0] + table)

    result = project.gate_here()

    assert result.ret == 4
    assert not CONTROL.search(result.stderr.str())
    assert not [line for line in result.stderr.lines if line.startswith("::")]
