"""Messages, docstrings and comments of the package use the words of the pages."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping

import pytest

from tests.unit.test_plain_words_docs import ROOT, prose, words_given_up

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("pytest_detgate", "checks", "fixtures")
    for path in (ROOT / folder).rglob("*.py")
)
_DRAWING = "a figure of the page: an image with boxes and a caption"
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "pytest_detgate/first_config/frame_names.py": {"picture": "a file name that people give"},
    "pytest_detgate/report/figures/": {"figure": _DRAWING, "figures": _DRAWING},
    "pytest_detgate/report/page/evidence_section.py": {"figures": _DRAWING},
    "pytest_detgate/dataset/images/options.py": {"a store": "a folder that links of DVC lead to"},
    "pytest_detgate/report/figures/thumbnails.py": {"a store": "a folder that links lead to"},
    "pytest_detgate/rules/rule.py": {"of its own": "'in a file of its own' is short and clear"},
}
"""By module or folder, words that may be there all the same, each with its reason."""


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every comment, and of every string that has more than one word."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def allowed(module: str) -> list[str]:
    return [
        word
        for position, words in EXCEPTIONS.items()
        if module.startswith(position)
        for word in words
    ]


@pytest.mark.parametrize("module", MODULES)
def test_module_is_in_plain_words(module: str) -> None:
    words = allowed(module)
    listed = [
        f"line {line}: {complaint.partition(': ')[2]}"
        for line, text in texts((ROOT / module).read_text(encoding="utf-8"))
        for complaint in words_given_up(text, words)
    ]
    assert listed == []


def test_every_exception_is_needed() -> None:
    for position, words in EXCEPTIONS.items():
        sources = [
            (ROOT / name).read_text("utf-8") for name in MODULES if name.startswith(position)
        ]
        seen = "\n".join(prose(text).lower() for source in sources for _, text in texts(source))
        assert [word for word in words if word not in seen] == [], position


def test_texts_are_comments_and_sentences() -> None:
    source = 'x = "kept"  # a comment\ny = f"two words {x}"\n'
    assert [text for _, text in texts(source)] == ["# a comment", "two words "]
