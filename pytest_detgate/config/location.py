"""Locations in `detgate.toml`: tables and keys as their author wrote them, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from pytest_detgate.config.lines import KeyPath, lines_of
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import ConfigError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class FileError(ConfigError):
    """A mistake at a line of `detgate.toml`; None where it is in no line."""

    def __init__(self, text: str, line: int | None) -> None:
        super().__init__(text)
        self.line = line


class TomlFile:
    """The text of a `detgate.toml`, and the lines of its keys."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        return lines_of(self.text)


class Location:
    """A table of `detgate.toml`; of a list of tables one entry."""

    def __init__(self, file: TomlFile, path: KeyPath = ()) -> None:
        self.file = file
        self._path = path

    @property
    def path(self) -> KeyPath:
        """The keys, and the places in lists, that lead to the table."""
        return self._path

    def entry(self, index: int) -> Location:
        """An entry of this list of tables, from 0."""
        return Location(self.file, (*self._path, index))

    def table(self, key: str) -> Location:
        """The table `key` inside this one."""
        return Location(self.file, (*self._path, key))

    def header(self) -> str:
        """The table's header, e.g. `[rules.probe-fp]`; nothing for the top level."""
        keys = [key for key in self._path if isinstance(key, str)]
        named = (key if _BARE_KEY.fullmatch(key) else f'"{key}"' for key in keys)
        return f"[{'.'.join(named)}]" if keys else ""

    def line(self, key: str | None = None) -> int | None:
        """Line number, from 1, of the table or of a key in it; None where it is not written."""
        return self.file.lines.get(self._path if key is None else (*self._path, key))

    def error(self, what: str, key: str | None = None, entry: int | None = None) -> FileError:
        """An error at this table, or at one key of it, or at one entry of the list there."""
        at_entry = None if key is None or entry is None else self.table(key).entry(entry).line()
        line = at_entry or self.line(key) or self.line()
        name = self.file.path.name
        file = f"{name}:{line}" if line else name
        where = " ".join(part for part in (self.header(), key) if part)
        return FileError(f"{file}: {where}: {what}" if where else f"{file}: {what}", line)

    def unknown(self, kind: str, name: str, allowed: Iterable[str]) -> FileError:
        """An error for a name that is not one of `allowed`."""
        return self.error(unknown(kind, name, allowed))
