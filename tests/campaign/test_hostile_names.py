"""Names from data reach every channel as text: nothing is obeyed, no control character arrives."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.campaign.channels import CONTROL, FILES, Channels, run
from tests.campaign.hostile_names import NAMES, REFUSED
from tests.campaign.hostile_project import listed_project, named_project
from tests.forked import python_says


def test_there_are_enough_names() -> None:
    assert len(NAMES) >= 100
    assert len(set(NAMES)) == len(NAMES)


def test_every_name_is_judged_under_an_id_of_its_own(hostile_run: Channels) -> None:
    """There is one false box on each probe, and one of two equal boxes is found of each class."""
    assert len(set(hostile_run.ids)) == len(hostile_run.ids)
    verdicts = Counter((rule["code"], rule["verdict"]) for rule in hostile_run.record["rules"])
    assert verdicts["probe-fp", "failed"] == len(NAMES)
    assert verdicts["class-ap", "passed"] == len(NAMES)
    assert verdicts["slice-ap", "failed"] == len(NAMES)
    assert hostile_run.code == 1


@pytest.mark.parametrize(
    "channel", ["terminal", "collected", "junit", "page", "summary", "step", "badge"]
)
def test_no_control_character_arrives(
    hostile_run: Channels, listed: Channels, channel: str
) -> None:
    for channels in (hostile_run, listed):
        text = getattr(channels, channel)
        if channel == "page":
            text = text.replace("\t", " ")  # a blank in HTML
        match = CONTROL.search(text)
        assert match is None, text[max(0, match.start() - 80) : match.end() + 80]


def test_no_id_holds_a_control_character(hostile_run: Channels, listed: Channels) -> None:
    for channels in (hostile_run, listed):
        assert not [name for name in channels.ids if CONTROL.search(name) or "\n" in name]


def test_node_ids_take_a_line_each(hostile_run: Channels) -> None:
    lines = [
        line for line in hostile_run.collected.split("\n") if line.startswith("detgate.toml::")
    ]
    # The record keeps the ids whole, also where a name looks like an absolute path.
    assert lines == [f"detgate.toml::{name}" for name in hostile_run.ids]


def test_a_node_id_finds_its_item_again(tmp_path: Path) -> None:
    names = [name for name in NAMES if len(name) < 50]
    project = named_project(names)
    project.write(tmp_path)
    command = ("-m", "pytest", "-p", "no:randomly", "--collect-only", "-q")

    def collected(*node_ids: str) -> list[str]:
        _, output = python_says(tmp_path, os.environ, *command, *node_ids)
        lines = output.decode("utf-8").split("\n")
        return [line for line in lines if line.startswith("detgate.toml::probe-fp[")]

    every = collected("detgate.toml")
    assert len(every) == len(names)
    assert collected(*every) == every


def test_github_gets_commands_of_the_gate_alone(hostile_run: Channels) -> None:
    """The runner of GitHub gets the commands of the gate alone."""
    begun = [
        line
        for line in hostile_run.terminal.split("\n")
        if re.match(r"\s*(::|##\[|##vso\[|section_start:)", line)
    ]
    assert begun
    assert all(
        re.fullmatch(r"::(error|warning) [^:]*title=detgate%3A [^:]*::.*", line) for line in begun
    )
    blocking = [rule for rule in hostile_run.record["rules"] if rule["verdict"] != "passed"]
    assert len(begun) == min(10, len(blocking))


def test_junit_has_the_items_and_nothing_else(hostile_run: Channels, tame: Channels) -> None:
    tags, expected = (
        sorted({element.tag for element in ElementTree.fromstring(entry.junit).iter()})
        for entry in (hostile_run, tame)
    )
    assert tags == expected
    cases = ElementTree.fromstring(hostile_run.junit).findall(".//testcase")
    assert len(cases) == len(hostile_run.ids)


class _Elements(HTMLParser):
    """The elements of a page with their attributes, and where scripts and links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[str, str]] = set()
        self.scripts = 0
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.shapes |= {(tag, name) for name, _ in attributes} | {(tag, "")}
        self.scripts += tag == "script"
        self.targets |= {
            str(value) for name, value in attributes if name in ("href", "src", "xlink:href")
        }


def _elements(page: str) -> _Elements:
    elements = _Elements()
    elements.feed(page)
    return elements


def test_the_page_has_no_element_of_a_name(
    hostile_run: Channels, tame: Channels, listed: Channels
) -> None:
    expected = _elements(tame.page)
    for channels in (hostile_run, listed):
        result = _elements(channels.page)
        assert not {shape for shape in result.shapes - expected.shapes if shape[1].startswith("on")}
        assert result.scripts == expected.scripts
        assert not [target for target in result.targets if re.match("javascript|http|//", target)]
        assert {tag for tag, _ in result.shapes} <= {tag for tag, _ in expected.shapes}


@pytest.mark.parametrize("channel", ["summary", "step"])
def test_markdown_stays_text(hostile_run: Channels, tame: Channels, channel: str) -> None:
    kinds, expected = (
        {
            child.type
            for token in MarkdownIt("gfm-like", {"linkify": False}).parse(getattr(entry, channel))
            for child in (token, *(token.children or ()))
        }
        for entry in (hostile_run, tame)
    )
    assert kinds <= expected | {"html_inline", "text_special", "entity"}
    text = getattr(hostile_run, channel)
    assert not re.search(r"(?<![\w`])@(octocat|org)", text)
    assert not re.findall(r"<(?!/?(?:code|br|details|summary|b)\b)[a-z!?/][^>]*>", text, re.I)


def test_the_badge_is_one_sound_image(hostile_run: Channels, tame: Channels) -> None:
    tags, expected = (
        [element.tag for element in ElementTree.fromstring(entry.badge).iter()]
        for entry in (hostile_run, tame)
    )
    assert tags == expected


def test_findings_keep_the_names_as_they_are(listed: Channels) -> None:
    names = {
        image["file_name"] for content in listed.findings.values() for image in content["images"]
    }
    # Of what looks like an absolute path the report keeps the last part, in every file of it.
    assert names >= {name for name in FILES if "/" not in name}


@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_a_name_that_is_none_blocks_and_is_shown(name: str, tmp_path: Path) -> None:
    text = run(listed_project(["a.jpg", name]), tmp_path)
    verdicts = {rule["id"]: rule["verdict"] for rule in text.record["rules"]}
    assert text.code == 1
    assert verdicts["image-files[val]"] in ("failed", "not-evaluated")
    assert "Traceback" not in text.terminal
    assert not CONTROL.search(text.terminal)
