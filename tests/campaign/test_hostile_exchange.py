"""Names from data reach files for other tools as text, also from records that are read again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.campaign.channels import CONTROL, Channels, command_says

HTML = ("compare.html", "dossier.html")
MARKDOWN = ("compare.md", "dossier.md", "card.md")
TEXTS = ("compare.txt", *MARKDOWN, *HTML)


@pytest.fixture(scope="module")
def made(hostile_run: Channels, tame: Channels, listed: Channels) -> dict[str, dict[str, str]]:
    """What the commands make of the records, by the kind of names and the name of the file."""
    runs = {"hostile": hostile_run, "listed": listed, "tame": tame}
    return {kind: dict(_made(run, tame)) for kind, run in runs.items()}


def _made(channels: Channels, other: Channels) -> Iterator[tuple[str, str]]:
    folder, record = channels.folder, "detgate-report/report.json"
    before = other.folder / record
    if channels is other:  # a record is not compared with itself
        content = json.loads(before.read_text("utf-8"))
        # Other rules, limits and data, so that there is as much to say as of the hostile run.
        del content["rules"][0]
        content["rules"][0]["measurements"][0]["limit"] = 7
        content["dataset"]["splits"]["val"]["sha256"] = "0" * 64
        before = folder / "before.json"
        before.write_text(json.dumps(content), "utf-8")
    page = ("-o", "compare.html")
    for name, options in (("compare.txt", page), ("compare.md", ("--markdown",))):
        code, text = command_says(folder, "compare", *options, str(before), record)
        assert code in (0, 1), text
        yield name, text
    for command in (
        ("dossier", "-o", "dossier.md", record),
        ("dossier", "-o", "dossier.html", record),
        ("publish", "--to", "huggingface", "--option", "file=card.md", record),
    ):
        code, text = command_says(folder, *command)
        assert code == 0, text
    for name in ("compare.html", "dossier.md", "dossier.html", "card.md"):
        yield name, (folder / name).read_text("utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_no_control_character_is_written(made: dict[str, dict[str, str]], name: str) -> None:
    for texts in made.values():
        assert not CONTROL.findall(texts[name].replace("\t", " "))


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.targets: set[str] = set()
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.scripts += tag == "script"
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}
        self.targets |= {value or "" for name, value in attrs if name in ("href", "src")}


@pytest.mark.parametrize("name", HTML)
def test_no_page_has_an_element_of_a_name(made: dict[str, dict[str, str]], name: str) -> None:
    expected = _Elements(made["tame"][name])
    for kind in ("hostile", "listed"):
        result = _Elements(made[kind][name])
        assert result.tags <= expected.tags | {"b"}  # which says that a value is worse
        assert "<b>pwned" not in made[kind][name]
        assert result.scripts == expected.scripts
        assert not result.handlers - expected.handlers
        foreign = [target for target in result.targets if re.match("javascript|http|//", target)]
        assert set(foreign) <= expected.targets


@pytest.mark.parametrize("name", MARKDOWN)
def test_markdown_for_others_stays_text(made: dict[str, dict[str, str]], name: str) -> None:
    kinds, expected = (_kinds(made[kind][name]) for kind in ("hostile", "tame"))
    assert kinds <= expected | {"html_inline", "text_special", "entity"}
    # In code nobody is called, and no tag is one.
    text = re.sub(r"`[^`\n]*`", "", _body(made["hostile"][name]))
    assert not re.search(r"(?<!\w)@(octocat|org)", text)
    assert not re.findall(r"<(?!/?(?:code|br|details|summary|b)\b)[a-z?/][^>]*>", text, re.I)


def _body(text: str) -> str:
    """A text without its front matter."""
    return text.split("\n---\n", 1)[1] if text.startswith("---\n") else text


def _kinds(text: str) -> set[str]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(_body(text))
    return {child.type for token in tokens for child in (token, *(token.children or ()))}


def test_the_front_matter_of_a_model_card_is_data(made: dict[str, dict[str, str]]) -> None:
    front = {
        kind: yaml.safe_load(texts["card.md"].split("\n---\n", 1)[0])
        for kind, texts in made.items()
    }
    assert front["hostile"].keys() == front["tame"].keys()


def test_sarif_and_code_quality_are_json_of_the_same_form(
    hostile_run: Channels, tame: Channels
) -> None:
    for name in ("sarif", "codequality"):
        contents = [json.loads(getattr(entry, name)) for entry in (hostile_run, tame)]
        assert _form(contents[0]) == _form(contents[1])
        for content in contents:
            assert not [text for text in _texts(content) if CONTROL.search(text)]


def _form(value: Any) -> Any:
    """The keys of a structure, without its lengths and texts."""
    if isinstance(value, dict):
        return {key: _form(entry) for key, entry in value.items() if key != "properties"}
    if isinstance(value, list):
        return sorted({json.dumps(_form(entry), sort_keys=True) for entry in value[:1]})
    return type(value).__name__


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, str):
        yield value


def test_a_history_has_a_line_for_each_run(hostile_run: Channels, listed: Channels) -> None:
    for channels in (hostile_run, listed):
        (line,) = channels.history.splitlines()  # also at line breaks that are no line feed
        assert json.loads(line)["verdict"] == "failed"
        assert not CONTROL.search(channels.history.rstrip("\n"))


def test_paths_of_the_hostile_project_stay_in_it(hostile_run: Channels) -> None:
    """Nothing is written beside what was asked for."""
    written = {path.name for path in hostile_run.folder.iterdir()}
    assert not {name for name in written if "pwned" in name}
    assert not Path("/tmp/pwned").exists()
