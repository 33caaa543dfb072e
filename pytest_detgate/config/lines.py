"""The lines of the tables, keys and entries of a TOML file.

Readers of TOML give values without their lines. The text was read by one of them before, so that
it is known to be TOML: nothing is checked here.
"""

from __future__ import annotations

import contextlib
import re
from typing import TypeAlias

import msgspec

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""The keys that lead to a value; of a list the entry, from 0."""

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[^\s"'.=\[\]]+)[ \t]*""")
_STRING = re.compile(
    r'''"""(?:\\.|[^\\])*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:\\.|[^"\\])*"|'[^']*\'''', re.DOTALL
)
_WORD = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line of every table, key and entry, from 1."""
    reader = _Reader(text)
    # The nesting that a parser could follow may be too deep a few calls further down.
    with contextlib.suppress(RecursionError):
        reader.read()
    return reader.lines


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._position = 0
        self._line = 1
        self._last_entry: dict[KeyPath, int] = {}
        """Of each list of tables, the entry that headers mean."""

    def read(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._position < len(self._text):
            if self._next("[["):
                table = self._list_header()
            elif self._next("["):
                table = self._table_header()
            else:
                self._key_and_value(table)
            self._skip(_BLANK)

    def _list_header(self) -> KeyPath:
        table = self._below((), self._keys())
        self._expect("]]")
        entry = self._last_entry[table] = self._last_entry.get(table, -1) + 1
        self.lines[(*table, entry)] = self._line
        return (*table, entry)

    def _table_header(self) -> KeyPath:
        table = self._below((), self._keys())
        self._expect("]")
        # A table that an earlier header only implies has its line here.
        self.lines[table] = self._line
        return table

    def _key_and_value(self, table: KeyPath) -> None:
        path = self._below(table, self._keys())
        self.lines[path] = self._line
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._next("["):
            self._list(path)
        elif self._next("{"):
            self._inline_table(path)
        elif self._text[self._position] in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_WORD)

    def _list(self, path: KeyPath) -> None:
        entry = 0
        self._skip(_BLANK)
        while not self._next("]"):
            self.lines[(*path, entry)] = self._line
            self._value((*path, entry))
            self._separator()
            entry += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        while not self._next("}"):
            self._key_and_value(path)
            self._separator()

    def _separator(self) -> None:
        self._skip(_BLANK)
        self._next(",")
        self._skip(_BLANK)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._next("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        match = _KEY.match(self._text, self._position)
        assert match is not None
        self._position = match.end()
        key = match[1]
        return msgspec.toml.decode(f"key = {key}")["key"] if key[0] in "\"'" else key

    def _below(self, table: KeyPath, keys: list[str]) -> KeyPath:
        """The path of a dotted key; tables on the way that have no line yet begin here."""
        path = table
        for key in keys[:-1]:
            path = (*path, key)
            self.lines.setdefault(path, self._line)
            if path in self._last_entry:
                path = (*path, self._last_entry[path])
        path = (*path, keys[-1])
        self.lines.setdefault(path, self._line)
        return path

    def _next(self, mark: str) -> bool:
        """Go past a mark, if it comes next."""
        is_next = self._text.startswith(mark, self._position)
        self._position += len(mark) * is_next
        return is_next

    def _expect(self, mark: str) -> None:
        is_there = self._next(mark)
        assert is_there, f"no {mark} in line {self._line}"

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._position)
        assert match is not None
        self._line += self._text.count("\n", self._position, match.end())
        self._position = match.end()
