"""What an ONNX file says of itself, read as data: metadata, operators, files beside it.

The few fields that are needed are read straight from the protocol buffer, as `onnx.proto` numbers
them, so that nothing but the weights' runtime has to be installed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import open_regular

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Span = tuple[int, int]
"""Where a message lies in the file: its first byte, and the one behind its last."""

# The domains whose operators ONNX Runtime itself has.
_KNOWN_DOMAINS = {
    *("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training"),
    *("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"),
}


@dataclass(slots=True)
class OnnxFile:
    """`metadata` are the file's own properties, `operators` the domain and name of each operator
    that is used, `beside` the files that hold its weights, as it names them."""

    metadata: dict[str, str] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)


def read_onnx_file(path: Path) -> OnnxFile:
    """Read what an ONNX file says of itself; `DetectorError` where it is damaged or is none."""
    found = OnnxFile()
    try:
        with (
            open_regular(path) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            _Reader(data, found).model((0, len(data)))
    except (OSError, ValueError, IndexError, RecursionError) as error:
        raise DetectorError(f"{path}: damaged, or not an ONNX file: {error}") from error
    if not found.operators:
        raise DetectorError(f"{path}: damaged, or not an ONNX file: it has no operators")
    return found


def require_no_foreign_code(path: Path, file: OnnxFile) -> None:
    """Refuse operators that only a library of somebody's could run: loading one runs its code."""
    foreign = sorted(
        f"{domain}::{name}"
        for domain, name in file.operators - file.functions
        if domain not in _KNOWN_DOMAINS
    )
    if foreign:
        raise DetectorError(
            f"{path}: refused, because it needs operators that ONNX Runtime does not have: "
            f"{', '.join(foreign[:3])}. They come in a library, which is code and is not loaded; "
            "export the model without them"
        )


def files_beside(path: Path, file: OnnxFile) -> tuple[Path, ...]:
    """The files with the weights of an ONNX file; one outside of its folder is refused."""
    folder = path.absolute().parent
    found = []
    for name in sorted(file.beside):
        parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
        beside = folder / name
        if (
            not name
            or ".." in parts
            or PurePosixPath(name).is_absolute()
            or PureWindowsPath(name).anchor
            or not beside.resolve().is_relative_to(folder.resolve())
        ):
            raise DetectorError(
                f"{path}: refused, because it takes weights from {name!r}, outside of its folder"
            )
        if not beside.is_file():
            raise DetectorError(f"{path}: its weights are in {name!r}, and there is no such file")
        found.append(beside)
    return tuple(found)


class _Reader:
    def __init__(self, data: mmap.mmap, found: OnnxFile) -> None:
        self._data = data
        self._found = found

    def model(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number == 7:
                self._graph(part)
            elif number == 20:
                self._training(part)
            elif number == 14:
                key, value = self._pair(part)
                self._found.metadata[key] = value
            elif number == 25:
                self._function(part)

    def _training(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number in (1, 2):
                self._graph(part)

    def _graph(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number == 1:
                self._node(part)
            elif number == 5:
                self._tensor(part)
            elif number == 15:
                self._sparse_tensor(part)

    def _function(self, span: Span) -> None:
        name, domain = "", ""
        for number, part in self._messages(span):
            if number == 1:
                name = self._text(part)
            elif number == 7:
                self._node(part)
            elif number == 10:
                domain = self._text(part)
            elif number == 11:
                self._attribute(part)
        self._found.functions.add((domain, name))

    def _node(self, span: Span) -> None:
        name, domain = "", ""
        for number, part in self._messages(span):
            if number == 4:
                name = self._text(part)
            elif number == 5:
                self._attribute(part)
            elif number == 7:
                domain = self._text(part)
        self._found.operators.add((domain, name))

    def _attribute(self, span: Span) -> None:
        readers: dict[int, Callable[[Span], None]] = {
            **{5: self._tensor, 6: self._graph, 10: self._tensor, 11: self._graph},
            **{22: self._sparse_tensor, 23: self._sparse_tensor},
        }
        for number, part in self._messages(span):
            if number in readers:
                readers[number](part)

    def _sparse_tensor(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number in (1, 2):
                self._tensor(part)

    def _tensor(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number == 13:
                key, value = self._pair(part)
                if key == "location":
                    self._found.beside.add(value)

    def _pair(self, span: Span) -> tuple[str, str]:
        texts = {number: self._text(part) for number, part in self._messages(span)}
        return texts.get(1, ""), texts.get(2, "")

    def _text(self, span: Span) -> str:
        return self._data[slice(*span)].decode()

    def _messages(self, span: Span) -> Iterator[tuple[int, Span]]:
        """Yield the number and place of each field that holds bytes; skip the others."""
        at, end = span
        while at < end:
            tag, at = self._varint(at)
            kind = tag & 7
            if kind == _VARINT:
                _, at = self._varint(at)
            elif kind in (_FIXED32, _FIXED64):
                at += 4 if kind == _FIXED32 else 8
            elif kind == _BYTES:
                size, at = self._varint(at)
                if at + size > end:
                    raise ValueError("it is cut short")
                yield tag >> 3, (at, at + size)
                at += size
            else:
                raise ValueError(f"it is not a protocol buffer (at byte {at})")
        if at != end:
            raise ValueError("it is cut short")

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise ValueError(f"it is not a protocol buffer (at byte {at})")
