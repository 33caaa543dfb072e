"""The lines of tables, keys and entries in all ways of writing them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_detgate.config.lines import KeyPath, lines_of
from tests.campaign.toml_text import toml_text


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        pytest.param("a = 1\nb = 2", ("b",), 2, id="key"),
        pytest.param("# [t]\n\n[t]\nk = 1", ("t",), 3, id="header in a comment"),
        pytest.param('a = """\n[t]\nk = 1\n"""\n[t]\nk = 1', ("t", "k"), 6, id="text with lines"),
        pytest.param("a = '''\n[t]\n''''\n[t]", ("t",), 4, id="text that ends with a quote"),
        pytest.param('a = "\\"[t]"\n[t]', ("t",), 2, id="escaped quote"),
        pytest.param("a = [\n 1,\n 2, # ]\n]\n[t]", ("t",), 5, id="list of several lines"),
        pytest.param("a = [\n 1,\n 2,\n]", ("a", 1), 3, id="entry of a list"),
        pytest.param("[t]\na = { b = 1, c = { d = 2 } }", ("t", "a", "c", "d"), 2, id="inline"),
        pytest.param("[t]\na.b.c = 1", ("t", "a", "b"), 2, id="dotted key"),
        pytest.param('["my t".x]\n"a b" = 1', ("my t", "x", "a b"), 2, id="quoted keys"),
        pytest.param('["a\\u0062"]', ("ab",), 1, id="escaped key"),
        pytest.param("[a.b]\n[a]", ("a",), 2, id="table that was implied first"),
        pytest.param("[a.b]", ("a",), 1, id="table that is only implied"),
        pytest.param("[[a]]\nk = 1\n[[a]]\nk = 2", ("a", 1, "k"), 4, id="list of tables"),
        pytest.param("[[a]]\n[a.t]\n[[a]]\n[a.t]\nk = 1", ("a", 1, "t", "k"), 5, id="its tables"),
        pytest.param("a = [{k = 1},\n {k = 2}]", ("a", 1, "k"), 2, id="list of inline tables"),
        pytest.param("a = 2026-01-01 10:00:00\r\nb = 1", ("b",), 2, id="time, other line ends"),
    ],
)
def test_line(text: str, path: KeyPath, line: int) -> None:
    msgspec.toml.decode(text)

    assert lines_of(text)[path] == line


def test_nothing_is_there_that_was_not_written() -> None:
    lines = lines_of("[t]\nk = 'x = 1'")

    assert lines == {("t",): 1, ("t", "k"): 2}


KEYS = st.text(st.characters(codec="ascii", exclude_categories=["Cs"]), min_size=1, max_size=4)
VALUES: st.SearchStrategy[object] = st.recursive(
    st.integers(0, 9) | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_every_key_of_any_document_has_a_line(document: dict[str, object]) -> None:
    text = toml_text(document)
    assert msgspec.toml.decode(text) == document

    assert set(paths_in(document)) <= lines_of(text).keys()


def paths_in(value: object, path: KeyPath = ()) -> list[KeyPath]:
    """The path of every key of tables in a document."""
    if isinstance(value, dict):
        inner = [((*path, key), entry) for key, entry in value.items()]
        return [
            position
            for position, entry in inner
            for position in (position, *paths_in(entry, position))
        ]
    if isinstance(value, list):
        return [
            position
            for index, entry in enumerate(value)
            for position in paths_in(entry, (*path, index))
        ]
    return []
