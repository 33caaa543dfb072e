"""Lines of annotation files that findings of a record are about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from pytest_detgate.dataset.keys import key
from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.errors import DetgateError
from pytest_detgate.findings import Finding
from pytest_detgate.record.report import Report
from pytest_detgate.regular_file import read_regular, real_path
from pytest_detgate.report.exchange.github_annotations import Line

MOST_BYTES = 256 << 20
"""An annotation file larger than this is not searched: its findings are at its first line."""
# As `rule_evidence.findings.annotation` names an annotation.
_ANNOTATION = re.compile(r"annotation (?P<id>.+?): ")
_LABEL_SUFFIXES = (".txt", ".xml", ".csv")


class FindingLines:
    """Finds the lines of findings in the annotation files that a record names.

    `root` is the folder that the record's paths are relative to, `repository` the one that lines
    are to be relative to. A file outside the repository, or one whose name is hidden, has no lines.
    """

    def __init__(self, report: Report, root: Path, repository: Path) -> None:
        self._root, self._repository = root, real_path(repository)
        self._annotations: dict[str, str] = {
            name: entry.annotations
            for entries in (report.dataset.splits, report.dataset.probes)
            for name, entry in entries.items()
            if entry.annotations is not None
        }
        self._files: dict[Path, _TextFile] = {}

    def line_of(self, finding: Finding) -> Line | None:
        """Return the line of a finding on an image or annotation; None where there is none."""
        file = self._annotations.get(finding.dataset or "")
        if file is None:
            return None
        path = self._root / file
        try:
            if not path.is_dir():
                return self._line(path, finding) if path.is_file() else None
            for label, number in _label_files(finding):
                if (path / label).is_file():
                    return self._line(path / label, finding, number)
        except (OSError, ValueError):  # a name from the data may be none that a file can have
            return None
        return None

    def _line(self, path: Path, finding: Finding, number: int | None = None) -> Line | None:
        whole = real_path(path)
        if not whole.is_relative_to(self._repository):
            return None
        file = whole.relative_to(self._repository).as_posix()
        if whole.stat().st_size > MOST_BYTES:
            return Line(file, 1)
        content = self._files.get(whole)
        if content is None:
            content = self._files[whole] = _TextFile(whole)
        return Line(file, content.line_of(finding, number))


def _label_files(finding: Finding) -> Iterator[tuple[str, int | None]]:
    """Names that the label file of a finding may have in its folder, and the number in it."""
    annotation = _annotation_id(finding)
    if annotation is not None:
        name, _, number = annotation.rpartition(":")
        if name and number.isdecimal():
            for suffix in ("", *_LABEL_SUFFIXES):
                yield (_with_suffix(name, suffix) if suffix else name), int(number)
    if finding.image is not None:
        for suffix in _LABEL_SUFFIXES:
            yield _with_suffix(finding.image, suffix), None


def _with_suffix(name: str, suffix: str) -> str:
    return PurePosixPath(name).with_suffix(suffix).as_posix()


def _annotation_id(finding: Finding) -> str | None:
    match = _ANNOTATION.match(finding.text)
    return None if match is None else match["id"]


class _TextFile:
    """An annotation file that is searched for several findings."""

    def __init__(self, path: Path) -> None:
        self._suffix = path.suffix.lower()
        try:
            self._content = as_utf8(read_regular(path), path)
        except (OSError, DetgateError):
            self._content = b""

    def line_of(self, finding: Finding, number: int | None) -> int:
        """Return the line of a finding, from 1; `number` is that of its label in the file."""
        if self._suffix == ".json":
            return self._json_line(finding)
        if number is not None and self._suffix == ".txt":
            return number
        if number is not None and self._suffix == ".xml":
            return self._line_at(self._nth(b"<object", number))
        if finding.image is None:
            return 1
        name = finding.image.encode("utf-8", "replace")
        stem = PurePosixPath(finding.image).stem.encode("utf-8", "replace")
        return self._line_at(max(self._content.find(name), self._content.find(stem)))

    def _json_line(self, finding: Finding) -> int:
        annotation = key(_annotation_id(finding))
        if annotation is not None and annotation in self._annotation_positions:
            return self._line_at(self._annotation_positions[annotation])
        return self._line_at(self._image_positions.get(key(finding.image), 0))

    @cached_property
    def _parts(self) -> _Coco:
        try:
            return msgspec.json.decode(self._content, type=_Coco)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _Coco()

    @cached_property
    def _image_positions(self) -> Mapping[object, int]:
        return dict(self._positions(b'"images"', self._parts.images, "file_name"))

    @cached_property
    def _annotation_positions(self) -> Mapping[object, int]:
        return dict(self._positions(b'"annotations"', self._parts.annotations, "id"))

    def _positions(
        self, name: bytes, entries: list[msgspec.Raw], field: str
    ) -> Iterator[tuple[object, int]]:
        """The value of a field of each entry of a list, and where the entry begins."""
        position = max(self._content.find(name), 0)
        for entry in entries:
            text = bytes(entry)
            position = self._content.find(text, position)
            value: Any = msgspec.json.decode(entry)
            if isinstance(value, dict) and field in value:
                yield key(value[field]), position
            position += len(text)

    def _nth(self, text: bytes, number: int) -> int:
        position = -1
        for _ in range(number):
            position = self._content.find(text, position + 1)
            if position < 0:
                break
        return position

    def _line_at(self, position: int) -> int:
        return self._content.count(b"\n", 0, max(position, 0)) + 1


class _Coco(msgspec.Struct):
    images: list[msgspec.Raw] = []
    annotations: list[msgspec.Raw] = []
