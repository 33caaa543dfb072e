"""The wording of every configuration error: where, what was found, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from pytest_detgate.errors import ConfigError, nearest

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Place:
    """A table of `detgate.toml`, written as its author wrote it; of a list of tables the one at
    `entry`, from 0."""

    def __init__(
        self, file: Path, text: str, path: tuple[str, ...] = (), *, entry: int = 0
    ) -> None:
        self.file = file
        self.text = text
        self.path = path
        self._entry = entry

    def at(self, entry: int) -> Place:
        """This table, where it is a list of tables, at one entry."""
        return Place(self.file, self.text, self.path, entry=entry)

    def table(self, key: str) -> Place:
        """The table `key` inside this one."""
        return Place(self.file, self.text, (*self.path, key))

    def header(self) -> str:
        """The table's header, e.g. `[rules.probe-fp]`; nothing for the top level."""
        if not self.path:
            return ""
        keys = (key if _BARE_KEY.fullmatch(key) else f'"{key}"' for key in self.path)
        return f"[{'.'.join(keys)}]"

    def line(self, key: str | None = None) -> int | None:
        """Line number, from 1, of the table's header or of a key in it, where it can be found."""
        wanted = list(self.path)
        current: list[str] = []
        entry = -1 if wanted else 0
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = re.match(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(#.*)?$", line)
            if header:
                current = [part.strip().strip("\"'") for part in header[1].split(".")]
                entry += current == wanted
                if entry == self._entry and key is None and current == wanted:
                    return number
                if max(entry, 0) == self._entry and current == [*wanted, key]:
                    return number
            elif key is not None and current == wanted and entry == self._entry:
                assigned = re.match(r"\s*[\"']?([^\"'=\s]+)[\"']?\s*=", line)
                if assigned and assigned[1] == key:
                    return number
        return None

    def error(self, what: str, key: str | None = None) -> ConfigError:
        """An error at this table, or at one key of it."""
        line = self.line(key) or self.line()
        file = f"{self.file.name}:{line}" if line else self.file.name
        where = " ".join(part for part in (self.header(), key) if part)
        return ConfigError(f"{file}: {where}: {what}" if where else f"{file}: {what}")

    def unknown(self, kind: str, name: str, allowed: Iterable[str]) -> ConfigError:
        """An error for a name that is not one of `allowed`."""
        return self.error(unknown(kind, name, allowed))


def unknown(kind: str, name: str, allowed: Iterable[str]) -> str:
    """Say that `name` is no such `kind`, what there is, and what was probably meant."""
    names = list(allowed)
    listed = ", ".join(names) if names else "none"
    return f"no {kind} {name!r}{nearest(name, names)} (there is: {listed})"


def expected(annotation: Any) -> str:
    """Describe a type as a person would: `a whole number ≥ 0`."""
    return _describe(inspect.type_info(annotation))


def found(value: Any) -> str:
    """Show a TOML value as it may be typed, cut to a readable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(value: Any, annotation: Any) -> str:
    """The nearest allowed word, where a closed set of words is allowed."""
    kind = inspect.type_info(annotation)
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType) and isinstance(value, str):
        return nearest(value, [str(allowed) for allowed in kind.values])
    return ""


def _describe(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return _describe(kind.type)
    if isinstance(kind, inspect.UnionType):
        parts = [_describe(part) for part in kind.types if not isinstance(part, inspect.NoneType)]
        return " or ".join(parts)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, inspect.IntType):
        return "a whole number" + _bounds(kind)
    if isinstance(kind, inspect.FloatType):
        return "a number" + _bounds(kind)
    if isinstance(kind, inspect.StrType):
        return "text that is not empty" if kind.min_length else "text"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.DateType):
        return "a date such as 2026-12-31"
    if isinstance(kind, inspect.TupleType):
        return f"a list of {len(kind.item_types)}"
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        return "a list, each entry " + _describe(kind.item_type)
    if isinstance(kind, (inspect.DictType, inspect.StructType)):
        return "a table"
    return msgspec.json.encode(kind.__class__.__name__).decode()


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" between {kind.ge:g} and {kind.le:g}"
    bounds = (("≥", kind.ge), (">", kind.gt), ("≤", kind.le), ("<", kind.lt))
    return " and".join(f" {sign} {bound:g}" for sign, bound in bounds if bound is not None)
