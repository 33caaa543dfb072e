"""TOML with a comment behind every line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pytest_detgate.printable import printable

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TomlText:
    """A TOML file that is written line by line, each with the reason for it."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def comment(self, text: str) -> None:
        """Add a line that is a comment alone."""
        self._lines.append(f"# {printable(text)}")

    def blank(self) -> None:
        """Add an empty line."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def table(self, *keys: str, why: str) -> None:
        """Add the header of a table."""
        self._add(f"[{'.'.join(map(toml_key, keys))}]", why)

    def value(self, key: str, value: Any, why: str) -> None:
        """Add a key with its value."""
        self._add(f"{toml_key(key)} = {toml_value(value)}", why)

    def __str__(self) -> str:
        return "\n".join(self._lines).rstrip("\n") + "\n"

    def _add(self, text: str, why: str) -> None:
        self._lines.append(f"{text}  # {printable(why)}")


def toml_key(key: str) -> str:
    """A key as TOML writes it."""
    return key if _BARE.fullmatch(key) else _basic(key)


def toml_value(value: Any) -> str:
    """A value as TOML writes it: text, numbers, truth values, lists and tables in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        is_literal = "\\" in value and "'" not in value and value == printable(value)
        return f"'{value}'" if is_literal else _basic(value)
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(key)} = {toml_value(entry)}" for key, entry in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    return repr(value)


def _basic(text: str) -> str:
    # JSON's escapes are those of TOML, but it leaves DEL as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
