"""Keys that occur twice in one object of a JSON text: a decoder takes the last and says nothing.

A file in which `"annotations"` or a `"score"` occurs twice has two meanings, so it is refused.
Long arrays are checked a piece at a time while they are decoded, without reading them again:
where every row has the keys of the first one, counting colons is enough.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from pytest_detgate.errors import DataError

_COLON, _BRACE = ord(":"), ord("{")
# A run-length encoded mask, the one object that rows of COCO files often hold, has two keys.
_KEYS_OF_MASK = 2


def refuse_repeated_keys(text: bytes, arrays: Sequence[msgspec.Raw], path: Path) -> None:
    """Raise `DataError` where a key occurs twice in an object of a JSON text, its `arrays` left
    out: those are values that were decoded from this very text, and are checked row by row."""
    whole = _without(text, arrays) if arrays else text
    twice = None if _keeps_its_colons(whole) else _repeated_key(whole)
    if twice is not None:
        raise DataError(f"{path}: {_repeated_key_text(twice)}")


def _without(text: bytes, arrays: Sequence[msgspec.Raw]) -> bytes:
    """The text with a number for each array, which keeps its key: the rest is still JSON."""
    outline, start = [], 0
    first = address(text)
    for array in sorted(arrays, key=address):
        begin = address(array) - first
        outline += [text[start:begin], b"0"]
        start = begin + len(memoryview(array))
    outline.append(text[start:])
    return b"".join(outline)


def require_unique_keys(piece: bytes, rows: int, required: Sequence[bytes]) -> None:
    """Raise `msgspec.ValidationError` with its row where a row of a JSON array has a key twice.

    `piece` is the text of an array of `rows` objects, of which each has the `required` keys,
    given with their quotes. Of the other keys those of the first row are looked for; one of them
    that a row has twice goes unseen only where another row lacks it.
    """
    if not rows:
        return
    characters = np.frombuffer(piece, np.uint8)
    colons = np.count_nonzero(characters == _COLON)
    if colons == rows * len(required):
        return  # no row has any other key
    first = _first_row(piece)
    if first is not None and first.keys.repeated is None:
        if colons == rows * first.colons:
            return
        inner = int(np.count_nonzero(characters == _BRACE)) - rows
        plain = first.colons - _KEYS_OF_MASK * first.inner
        if colons == rows * plain + _KEYS_OF_MASK * inner:
            return
        keys = {*required, *(json.dumps(key).encode() for key in first.keys.last)}
        if b"\\u" not in piece and all(piece.count(key) <= rows for key in keys):
            return
    for row, text in enumerate(msgspec.json.decode(piece, type=list[msgspec.Raw])):
        twice = _repeated_key(bytes(text))
        if twice is not None:
            raise msgspec.ValidationError(f"{_repeated_key_text(twice)} - at `$[{row}]`")


def _keeps_its_colons(text: bytes) -> bool:
    """Whether a JSON text that is decoded and written again has as many colons: it then lost no
    key. False may also mean that it is unknown."""
    if b"\\u003" in text:  # a colon that is written as a number
        return False
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeError):
        return msgspec.json.encode(msgspec.json.decode(text)).count(b":") == text.count(b":")
    return False


def _repeated_key_text(key: str) -> str:
    return f"the key {key!r} occurs twice in one object"


class _Keys:
    """Hears of the objects of a text while it is read, inner ones first: the keys of the `last`
    one, and the first key that any of them `repeated`."""

    def __init__(self) -> None:
        self.last: list[str] = []
        self.repeated: str | None = None

    def __call__(self, pairs: list[tuple[str, object]]) -> None:
        keys = [key for key, _ in pairs]
        if self.repeated is None and len(set(keys)) < len(keys):
            self.repeated = next(key for index, key in enumerate(keys) if key in keys[:index])
        self.last = keys


class _FirstRow(NamedTuple):
    """The first object of an array: its keys, the colons in its text, the objects inside of it."""

    keys: _Keys
    colons: int
    inner: int


def _first_row(piece: bytes) -> _FirstRow | None:
    """None where it is unknown."""
    end = 0
    while end := piece.find(b"}", end) + 1:
        row, keys = piece[1:end], _Keys()
        try:
            json.loads(row, object_pairs_hook=keys)
        except (ValueError, RecursionError):
            continue  # the brace closes an object inside of it, or is in a string
        return _FirstRow(keys, row.count(b":"), row.count(b"{") - 1)
    return None


def _repeated_key(text: bytes) -> str | None:
    """The first key that an object in a JSON text has twice; None where there is none, or where
    the text is no JSON, which its decoder says."""
    keys = _Keys()
    with contextlib.suppress(ValueError, RecursionError):
        # Numbers stay text: one of thousands of digits is no mistake here.
        json.loads(
            text.decode("utf-8", "replace"),
            strict=False,
            object_pairs_hook=keys,
            parse_int=str,
            parse_float=str,
        )
    return keys.repeated


def address(buffer: bytes | memoryview | msgspec.Raw) -> int:
    """Where a buffer is in memory."""
    return int(np.frombuffer(buffer, np.uint8).__array_interface__["data"][0])
