"""Counts in sentences, and that no message writes one without its helper."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_detgate.counts import (
    counted,
    counted_of,
    part_their,
    part_verb,
    verb,
    with_count,
    with_noun,
)

ROOT = Path(__file__).resolve().parents[2]
NOUNS = (
    *("images", "boxes", "detections", "annotations", "frames", "clips", "objects", "classes"),
    *("files", "folders", "labels", "lines", "rows", "columns", "names", "errors", "mistakes"),
    *("runs", "pairs", "slices", "values", "numbers", "texts", "polygons", "events", "alarms"),
    *("tracks", "points", "checkpoints", "rules", "items", "findings", "expectations", "probes"),
    *("splits", "iterations", "epochs", "validations", "pixels", "bytes", "days", "hours"),
    *("minutes", "processes", "workers", "sets", "looks", "draws", "others", "cases"),
)
# A number, at most two words that describe the noun, and the noun.
_NO_ADJECTIVE = "of|and|in|on|to|by|is|are|has|have|without|or"
SEVERAL = re.compile(rf"\A (?:(?!(?:{_NO_ADJECTIVE})\b)[a-z-]+ ){{0,2}}({'|'.join(NOUNS)})\b")
HELPERS = ("counted(", "counted_of(", "with_noun(", "verb(", "part_verb(", "numbers(")
NO_COUNT = {
    # A text, or a part of a sentence: `small boxes`, `split 'val' names two splits`.
    *("size", "name", "own", "option", "suffix", "text", "twins[0]", "expression", "location"),
    *("target.label", "known[0]", "entry.where", "location", "path.name", "problem", "about"),
    *("taken.problem", "result.id", "shape.tag", "self.by", "source", "what", "last"),
    *("type(dataset).__name__", "type(made).__name__", "part.refuses_empty", "', '.join(text)"),
    *("'looking at' if decoded else 'reading'", "baseline.record.path", "tested_name", "several"),
    *("file_name", "chosen", "first", "_counted(hidden)", "left.shape"),
    # Never 1.
    *("_COLUMNS", "_COLUMNS - 1", "len(boxes)", "len(values)", "height", "sizes[1]"),
}


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (1234, "false box", "1,234 false boxes"),
        (1, "false box", "1 false box"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
    ],
)
def test_count_with_its_noun(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text


def test_irregular_plural() -> None:
    several = ("polygon or turned box", "polygons and turned boxes")

    assert counted(1, *several) == "1 polygon or turned box"
    assert counted(2, *several) == "2 polygons and turned boxes"


def test_number_that_is_written_already() -> None:
    assert [with_noun(text, "hour") for text in ("1", "0.5", "1.5")] == [
        *("1 hour", "0.5 hours", "1.5 hours")
    ]


@pytest.mark.parametrize(
    ("text", "of_one"),
    [
        ("images have no label file", "1 image has no label file"),
        ("listed classes have no box", "1 listed class has no box"),
        ("image ids are used twice, first 3", "1 image id is used twice, first 3"),
        ("rules were not selected", "1 rule was not selected"),
        ("file names mean the near file", "1 file name means the near file"),
        ("values are wrong", "1 value is wrong"),
        ("images were done again", "1 image was done again"),
        ("boxes are on images of unknown size", "1 box is on images of unknown size"),
        ("annotations refer to missing images", "1 annotation refers to a missing image"),
    ],
)
def test_text_on_one_thing(text: str, of_one: str) -> None:
    assert with_count(1, text) == of_one
    assert with_count(1200, text) == f"1,200 {text}"


def test_verb_goes_with_the_count() -> None:
    assert [verb(count, "have") for count in (0, 1, 2)] == ["have", "has", "have"]


@pytest.mark.parametrize(
    ("count", "total", "have", "their"),
    [(0, 1, "has", "its"), (1, 1, "has", "its"), (0, 2, "have", "their"), (1, 2, "has", "its")],
)
def test_verb_goes_with_the_part(count: int, total: int, have: str, their: str) -> None:
    assert part_verb(count, total, "have") == have
    assert counted_of(count, total, "image", "have").endswith(f" {have}")
    assert part_their(count, total) == their


def parts_in(path: Path) -> Iterator[str]:
    """Verbs that follow only the part, behind `X of Y things`, in the f-strings of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        values = [ast.unparse(value).strip("f'\"{}") for value in node.values]
        for row, value in enumerate(values):
            before = values[row - 1] if row else ""
            is_part = value.startswith("counted_of(") or (
                value.startswith("counted(") and re.search(r"(?<!other) of (the )?$", before)
            )
            is_number = row > 1 and values[row - 2].startswith(("counted(", "with_count("))
            if is_part and not is_number and any(late.startswith("verb(") for late in values[row:]):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {value}"


def counts_in(path: Path) -> Iterator[str]:
    """Numbers in front of a fixed plural, in the f-strings of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in pairwise(node.values):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            number, words = ast.unparse(value.value), str(text.value)
            is_written = number.startswith(HELPERS) or number in NO_COUNT or number.isupper()
            if SEVERAL.match(words) and not is_written:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {{{number}}}{words}"


@pytest.mark.source
def test_messages_count_with_the_helper() -> None:
    """`1 images` reads as a mistake; `counted`, `with_noun` and `with_count` know the plural."""
    folders = ("pytest_detgate", "checks", "fixtures")
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))

    assert files
    assert [match for file in files for match in (*counts_in(file), *parts_in(file))] == []
