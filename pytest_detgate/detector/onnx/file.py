"""Metadata, operators and weight files of an ONNX file, read as data.

The few fields that are needed are read from the protocol buffer by their numbers in `onnx.proto`,
so that the package `onnx` need not be installed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import is_file, open_regular, real_path

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Span = tuple[int, int]
"""Position of a message in the file: its first byte, and the one after its last."""

# The domains whose operators ONNX Runtime itself has.
_KNOWN_DOMAINS = {
    *("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training"),
    *("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"),
}


@dataclass(slots=True)
class OnnxFile:
    """What an ONNX file contains.

    `metadata` are its properties, `operators` domain and name of each operator that it uses,
    `functions` those that it defines, `weight_files` the files with its weights, as it names them.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    weight_files: set[str] = field(default_factory=set)


def read_onnx_file(path: Path) -> OnnxFile:
    """Read an ONNX file; `DetectorError` if it is damaged, or another file."""
    content = OnnxFile()
    try:
        with (
            open_regular(path) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            _OnnxReader(data, content).model((0, len(data)))
    except RecursionError as error:
        what = "damaged, or not an ONNX file: it is nested too deeply"
        raise DetectorError(f"{path}: {what}") from error
    except (OSError, ValueError, IndexError) as error:
        raise DetectorError(f"{path}: damaged, or not an ONNX file: {error}") from error
    if not content.operators:
        raise DetectorError(f"{path}: damaged, or not an ONNX file: it has no operators")
    return content


def require_no_foreign_code(path: Path, file: OnnxFile) -> None:
    """Refuse operators that need a further library: loading it would run its code."""
    foreign = sorted(
        f"{domain}::{name}"
        for domain, name in file.operators - file.functions
        if domain not in _KNOWN_DOMAINS
    )
    if foreign:
        raise DetectorError(
            f"{path}: refused, because it needs operators that ONNX Runtime does not have: "
            f"{', '.join(foreign[:3])}. They need a library, which is code and is not loaded; "
            "export the model without them"
        )


def weight_files(path: Path, file: OnnxFile) -> tuple[Path, ...]:
    """Return the files with the weights of an ONNX file; files outside its folder are refused."""
    folder = path.absolute().parent
    paths = []
    for name in sorted(file.weight_files):
        weights = folder / name
        if _leads_out(name) or not real_path(weights).is_relative_to(real_path(folder)):
            raise DetectorError(
                f"{path}: refused, because it takes weights from {name[:100]!r}, outside its folder"
            )
        if not is_file(weights):
            raise DetectorError(
                f"{path}: its weights are in {name[:100]!r}, and there is no such file"
            )
        paths.append(weights)
    return tuple(paths)


def _leads_out(name: str) -> bool:
    """Return whether a name can lead out of a folder, on any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    is_anchored = posix.is_absolute() or bool(windows.anchor)
    return not name or "\0" in name or is_anchored or ".." in (*posix.parts, *windows.parts)


class _OnnxReader:
    def __init__(self, data: mmap.mmap, content: OnnxFile) -> None:
        self._data = data
        self._content = content

    def model(self, span: Span) -> None:
        for number, part in self._messages(span):
            if number == 7:
                self._graph(part)
            elif number == 20:
                self._training(part)
            elif number == 14:
                key, value = self._pair(part)
                self._content.metadata[key] = value
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
        self._content.functions.add((domain, name))

    def _node(self, span: Span) -> None:
        name, domain = "", ""
        for number, part in self._messages(span):
            if number == 4:
                name = self._text(part)
            elif number == 5:
                self._attribute(part)
            elif number == 7:
                domain = self._text(part)
        self._content.operators.add((domain, name))

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
                    self._content.weight_files.add(value)

    def _pair(self, span: Span) -> tuple[str, str]:
        texts = {number: self._text(part) for number, part in self._messages(span)}
        return texts.get(1, ""), texts.get(2, "")

    def _text(self, span: Span) -> str:
        return self._data[slice(*span)].decode()

    def _messages(self, span: Span) -> Iterator[tuple[int, Span]]:
        """Yield the number and place of each field that holds bytes; skip the others."""
        position, end = span
        while position < end:
            tag, position = self._varint(position)
            kind = tag & 7
            if kind == _VARINT:
                _, position = self._varint(position)
            elif kind in (_FIXED32, _FIXED64):
                position += 4 if kind == _FIXED32 else 8
            elif kind == _BYTES:
                size, position = self._varint(position)
                if position + size > end:
                    raise ValueError("it is cut short")
                yield tag >> 3, (position, position + size)
                position += size
            else:
                raise ValueError(f"it is not a protocol buffer (at byte {position})")
        if position != end:
            raise ValueError("it is cut short")

    def _varint(self, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise ValueError(f"it is not a protocol buffer (at byte {position})")
