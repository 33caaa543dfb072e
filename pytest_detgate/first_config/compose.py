"""The text of a first `detgate.toml`."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.first_config.draft import Table
from pytest_detgate.first_config.toml_text import TomlText

Keys = tuple[str, ...]


def compose(head: Sequence[str], tables: Sequence[tuple[Keys, Table]]) -> str:
    """The file: comments that come first, `recommended = true`, and the tables in their order."""
    text = TomlText()
    for line in head:
        text.comment(line)
    text.blank()
    text.value("recommended", value=True, why="rules on faults and leaks, with their defaults")
    for keys, table in tables:
        text.blank()
        _write(text, keys, table)
    return str(text)


def _write(text: TomlText, keys: Keys, table: Table) -> None:
    for note in table.notes:
        text.comment(note)
    has_header = bool(table.values) or not table.below
    if has_header:
        text.table(*keys, why=table.why)
    for key, (value, why) in table.values.items():
        text.value(key, value, why)
    for key, below in table.below.items():
        _write(text, (*keys, key), below)
