"""Long arrays of objects in a large JSON file, decoded a block of the file at a time, in any order.

Nobody has read the file before: where its arrays begin and end is a guess, and so is what a block
begins with. `outline_of` gives what proves it: the text around the objects that were decoded. Where
that is JSON with an empty list where each run of objects was, the file is JSON with those objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Generic, TypeVar

import msgspec

from pytest_detgate.dataset.text.json_keys import address

Rows = TypeVar("Rows")

BLOCK = 1 << 22
"""Bytes of a block; it also holds the rest of an object that begins in it."""
_BEYOND = 1 << 20
_PIECE = 1 << 17
_BRACE = ord("{")
_LONGEST_OUTLINE = 1 << 25
# The blanks of JSON, which are fewer than those of `\s`.
_BLANK = rb"[ \t\n\r]*"
_BETWEEN_OBJECTS = re.compile(rb"\}" + _BLANK + b"," + _BLANK + rb"\{")
_END = re.compile(rb"\}(?=" + _BLANK + rb"\])")
_COMMA = re.compile(_BLANK + b"," + _BLANK)
_EMPTY_LIST = re.compile(rb"\[" + _BLANK + rb"\]")


class NotPlainError(Exception):
    """A file cannot be decoded block by block: a reader of whole files says what is in it."""


@dataclass(frozen=True, slots=True)
class Run(Generic[Rows]):
    """Objects that follow one another in the array under `key`: the bytes from the first brace to
    behind the last one, and what they were decoded to."""

    key: str
    start: int
    end: int
    rows: Sequence[Rows]


class Blocks(Generic[Rows]):
    """The blocks of an open file of `size` bytes, by number.

    `decode` maps the key of each array to what reads a piece of it, the text of an array in itself,
    and refuses it with `msgspec.DecodeError`.
    """

    def __init__(
        self, file: BufferedReader, size: int, decode: Mapping[str, Callable[[bytes], Rows]]
    ) -> None:
        self._file = file
        self._size = size
        self._decode = decode
        self._buffer = bytearray(min(size, BLOCK + _BEYOND))
        keys = b"|".join(re.escape(key.encode()) for key in decode)
        self._begin = re.compile(b'"(' + keys + b')"' + _BLANK + b":" + _BLANK + rb"\[" + _BLANK)

    def __len__(self) -> int:
        return -(-self._size // BLOCK)

    def inner_run(self, number: int) -> Run[Rows] | None:
        """The objects that begin in a block; None unless all that does is in the middle of one of
        the arrays."""
        runs = list(self._runs(number)) if number else []
        run = runs[0] if len(runs) == 1 else None
        return run if run is not None and run.end >= (number + 1) * BLOCK else None

    def runs(self, number: int) -> list[Run[Rows]]:
        """All objects of the arrays that begin in a block. `NotPlainError` where it is unknown."""
        return [run for run in self._runs(number) if run is not None]

    def _runs(self, number: int) -> Iterator[Run[Rows] | None]:
        """The runs of a block, first None where it begins with objects of no array."""
        offset = number * BLOCK
        stop = min(BLOCK, self._size - offset)
        text = self._text(offset)
        position = 0
        boundary = _BETWEEN_OBJECTS.search(text) if number else None
        if boundary is not None and boundary.start() < stop:
            begins = self._begin.search(text, 0, boundary.end())
            if begins is None:
                run = self._run(text, boundary.end() - 1, stop, offset, tuple(self._decode))
                yield run
                position = 0 if run is None else run.end - offset
        while position < stop:
            begins = self._begin.search(text, position)
            if begins is None or begins.start() >= stop:
                return
            position = begins.end()
            if text[position] == _BRACE:
                run = self._run(text, position, stop, offset, (begins[1].decode(),))
                if run is None:
                    raise NotPlainError
                yield run
                position = run.end - offset

    def _text(self, offset: int) -> memoryview:
        length = min(len(self._buffer), self._size - offset)
        text = memoryview(self._buffer)[:length]
        self._file.seek(offset)
        if self._file.readinto(text) != length:
            raise NotPlainError
        return text

    def _run(
        self, text: memoryview, start: int, stop: int, offset: int, keys: tuple[str, ...]
    ) -> Run[Rows] | None:
        """The objects from `start` on, in an array with one of the `keys`; None where the first
        ones are in no such array."""
        rows: list[Rows] = []
        position = start
        while True:
            boundary = _BETWEEN_OBJECTS.search(text, min(position + _PIECE, stop))
            if boundary is None and offset + len(text) < self._size:
                raise NotPlainError  # the object is longer than what was read
            end = len(text) if boundary is None else boundary.start() + 1
            decoded = self._decoded(text[position:end], keys)
            if decoded is None:
                # The array may end in this piece.
                last = _END.search(text, position, end)
                decoded = None if last is None else self._decoded(text[position : last.end()], keys)
                if last is None or decoded is None:
                    if rows:
                        raise NotPlainError
                    return None
                return Run(decoded[0], offset + start, offset + last.end(), [*rows, decoded[1]])
            keys = decoded[:1]
            rows.append(decoded[1])
            if boundary is None or boundary.start() >= stop:
                return Run(keys[0], offset + start, offset + end, rows)
            position = boundary.end() - 1

    def _decoded(self, piece: memoryview, keys: tuple[str, ...]) -> tuple[str, Rows] | None:
        array = b"".join((b"[", piece, b"]"))
        for key in keys:
            try:
                return key, self._decode[key](array)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                continue
        return None


@dataclass(frozen=True, slots=True)
class Outline(Generic[Rows]):
    """The text of a file without its runs, which are joined where only a comma is between them:
    the key of each, its rows, and where in the text it was."""

    text: bytes
    runs: Sequence[tuple[str, int, Sequence[Rows]]]

    def proves(self, arrays: Mapping[str, memoryview]) -> bool:
        """Whether each run is the whole of the list under its key. `arrays` are the values of the
        keys in the text, decoded from it, and are empty lists then."""
        first = address(self.text)
        spans = {key: (address(array) - first, len(array)) for key, array in arrays.items()}
        keys = [key for key, _, _ in self.runs]
        return (
            len(set(keys)) == len(keys)
            and all(_EMPTY_LIST.fullmatch(array) for array in arrays.values())
            and all(
                key in spans and spans[key][0] < position < sum(spans[key])
                for key, position, _ in self.runs
            )
        )


def outline_of(file: BufferedReader, size: int, runs: Sequence[Run[Rows]]) -> Outline[Rows]:
    """What a file is around its runs, given in order; `NotPlainError` where that is long."""
    parts: list[bytes] = []
    joined: list[tuple[str, int, list[Rows]]] = []
    length = position = 0
    for run in runs:
        file.seek(position)
        between = (
            file.read(run.start - position) if run.start - position < _LONGEST_OUTLINE else b""
        )
        if len(between) != run.start - position or length > _LONGEST_OUTLINE:
            raise NotPlainError
        if joined and joined[-1][0] == run.key and _COMMA.fullmatch(between):
            joined[-1][2].extend(run.rows)
        else:
            parts.append(between)
            length += len(between)
            joined.append((run.key, length, [*run.rows]))
        position = run.end
    file.seek(position)
    parts.append(file.read(_LONGEST_OUTLINE))
    if position + len(parts[-1]) != size:
        raise NotPlainError
    return Outline(b"".join(parts), joined)
