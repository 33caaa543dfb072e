"""How a value in a file is read, and when two are the same."""

from __future__ import annotations

import json
import math
import os
import re
import unicodedata
from typing import Any

Key = tuple[str, Any]
"""A kind, number or text, and the value."""
_WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")


class NotLookedAtError(Exception):
    """Something that has to be looked at cannot be."""


class NotKnownHereError(Exception):
    """Something that a gate may look at, and these loops do not work out."""


def json_of(data: bytes | None, path: str, *, keys_twice: bool = False) -> Any:
    """The JSON in a file; one in which a key occurs twice says two things, so it is refused unless
    `keys_twice`."""
    if data is None:
        raise NotLookedAtError(f"{path}: no such file")
    try:
        return json.loads(text_of(data, path), object_pairs_hook=dict if keys_twice else _object)
    except (ValueError, RecursionError) as error:
        raise NotLookedAtError(f"{path}: no JSON: {error}") from None


def text_of(data: bytes | None, path: str) -> str:
    """The text in a file: UTF-8 with or without byte order mark, UTF-16 with one."""
    if data is None:
        raise NotLookedAtError(f"{path}: no such file")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotLookedAtError(f"{path}: no text: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key occurs twice")
    return value


def list_in(value: Any, key: str, path: str) -> list[Any]:
    """The list under a key."""
    result = value.get(key) if isinstance(value, dict) else None
    if not isinstance(result, list):
        raise NotLookedAtError(f"{path}: no list {key!r}")
    return result


def number(value: Any, what: str = "number") -> float:
    """A number, also where it is written as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NotLookedAtError(f"{value!r} is no {what}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise NotLookedAtError(f"{value!r} is no {what}") from None


def text(value: Any, what: str = "text") -> str:
    """Text."""
    if not isinstance(value, str):
        raise NotLookedAtError(f"{value!r} is no {what}")
    return value


def key_of(value: Any) -> Key:
    """What ids and clips are compared by: the same number, or the same text after NFC."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NotLookedAtError(f"{value!r} is no id")
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            return ("number", int(value.split(".")[0]))
        plain = unicodedata.normalize("NFC", value).replace("\\", "/")
        # A file name may be an id.
        is_path = "./" in plain or "//" in plain or (plain[-1:] == "/" and plain.strip("/"))
        return ("text", os.path.normpath(plain) if is_path else plain)
    if not math.isfinite(value):
        raise NotLookedAtError(f"{value!r} is no id")
    return ("number", int(value) if value == int(value) else value)


def near_key(key: Key) -> Key:
    """What a key is but for letter case and outer blanks."""
    kind, value = key
    return (kind, value.strip().casefold() if kind == "text" else value)


def name_of(value: Any) -> str:
    """What file names are compared by."""
    plain = unicodedata.normalize("NFC", text(value, "file name")).replace("\\", "/")
    return os.path.normpath(plain)
