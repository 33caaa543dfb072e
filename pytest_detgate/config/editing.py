"""Other numbers in the text of a `detgate.toml`, with everything else as it is."""

from __future__ import annotations

import codecs
import copy
import importlib.util
from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_detgate.config.lines import KeyPath
from pytest_detgate.errors import ConfigError

NEEDS_TOMLKIT = (
    "--detgate-update needs the package tomlkit, which keeps comments: pip install "
    '"pytest-detgate[update]"'
)


def can_edit() -> bool:
    """Return whether the package that keeps comments is installed."""
    return importlib.util.find_spec("tomlkit") is not None


def decoded(content: bytes) -> dict[str, Any]:
    """Return what a `detgate.toml` says; `ConfigError` for what is not UTF-8."""
    document: dict[str, Any] = msgspec.toml.decode(_text(content))
    return document


def with_numbers(content: bytes, numbers: Mapping[KeyPath, float | int]) -> bytes:
    """Return the content of a TOML file with other numbers at some paths of keys.

    `ConfigError` if more than these numbers would change: comments, order and line ends stay.
    """
    import tomlkit
    import tomlkit.exceptions

    text = _text(content)
    expected = copy.deepcopy(msgspec.toml.decode(text))
    try:
        document: Any = tomlkit.parse(text)
        for path, number in numbers.items():
            for root in (document, expected):
                table = root
                for key in path[:-1]:
                    table = table[key]
                table[path[-1]] = number
        new = tomlkit.dumps(document)
        is_exact = msgspec.toml.decode(new) == expected
    except (tomlkit.exceptions.TOMLKitError, LookupError, TypeError, ValueError):
        raise ConfigError("the limits could not be found in the text of the file") from None
    before, after = text.splitlines(keepends=True), new.splitlines(keepends=True)
    changed = sum(old_line != new_line for old_line, new_line in zip(before, after, strict=False))
    if not is_exact or len(before) != len(after) or changed > len(numbers):
        raise ConfigError("more than the limits would have changed in the file")
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return bom + new.encode()


def _text(content: bytes) -> str:
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise ConfigError("only a file in UTF-8 can be updated") from None
