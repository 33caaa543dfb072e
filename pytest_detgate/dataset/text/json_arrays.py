"""Long JSON arrays of objects, decoded a piece at a time.

A piece fits the processor's cache and is freed before the next one is read, which is faster than
reading a long array in one go, and holds little of it as Python objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sized
from pathlib import Path
from typing import TypeVar

import msgspec

from pytest_detgate.dataset.text.json_decoding import TOO_DEEP, TOO_LARGE
from pytest_detgate.errors import DataError

Rows = TypeVar("Rows", bound=Sized)

_PIECE = 1 << 18
_BETWEEN_OBJECTS = re.compile(rb"\}\s*,\s*\{")
_ROW = re.compile(r"`\$\[(\d+)\]")


def decoded_pieces(
    array: msgspec.Raw | bytes,
    key: str,
    decode: Callable[[bytes], Rows],
    path: Path,
    on_read: Callable[[int], None] = lambda size: None,
) -> Iterator[Rows]:
    """Yield the rows of each piece of the array under `key` in a JSON file.

    A piece is the text of a JSON array in itself; `on_read` is called with its bytes. What `decode`
    refuses with a `msgspec.ValidationError` raises `DataError` with its place in the file.
    """
    text = memoryview(array)
    done = 0
    try:
        start, end = _inside(text)
        while True:
            cut, follows = _cut(text, start, end)
            try:
                rows = decode(_array(text, start, cut))
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                # The cut fell into a string, or into an array inside a row: read on in one go.
                cut = end
                rows = decode(_array(text, start, end))
            yield rows
            on_read(cut - start)
            done += len(rows)
            if cut == end:
                return
            start = follows
    except msgspec.DecodeError as error:
        raise DataError(f"{path}: {_placed(str(error), key, done)}") from None
    except RecursionError:
        raise DataError(f"{path}: {key}: {TOO_DEEP}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: {key}: not UTF-8 text: {error.reason}; save it as UTF-8"
        ) from None


def _inside(text: memoryview) -> tuple[int, int]:
    """Where the rows begin and end, between the brackets."""
    if bytes(text[:1]) != b"[":
        msgspec.json.decode(text, type=list[msgspec.Raw])  # says what it is instead
    return 1, len(text) - 1


def _array(text: memoryview, start: int, end: int) -> bytes:
    return b"".join((b"[", text[start:end], b"]"))


def _cut(text: memoryview, start: int, end: int) -> tuple[int, int]:
    """Where the piece from `start` may end, and where the next one would begin."""
    boundary = _BETWEEN_OBJECTS.search(text, min(start + _PIECE, end), end)
    return (end, end) if boundary is None else (boundary.start() + 1, boundary.end() - 1)


def _placed(message: str, key: str, done: int) -> str:
    """The decoder's message with the place in the file, not in the piece."""
    message = message.replace("Number out of range", TOO_LARGE)
    if "at `$" not in message:
        return f"{message} - at `$.{key}`"
    return _ROW.sub(lambda row: f"`$.{key}[{done + int(row[1])}]", message)
