"""What may not be seen in anything that leaves a run, and what replaces it.

No absolute path is ever shown: one under the root directory becomes relative to it, one under the
home directory begins with `~`, and of any other only the last part stays. The rest is hidden where
a project asks for it.
"""

from __future__ import annotations

import os
import re
import socket
import typing
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

import msgspec

from pytest_detgate.record.redaction.host_texts import host_patterns, without_hosts
from pytest_detgate.record.redaction.labels import (
    LABEL_FIELDS,
    NAME_FIELDS,
    begins_with_path,
    labels_like_paths,
)
from pytest_detgate.record.redaction.path_texts import (
    CLIMBING,
    ELSEWHERE,
    HIDDEN,
    folder_pattern,
    known_pattern,
    may_hold_path,
    option_and_path,
    without_absolute_paths,
)
from pytest_detgate.record.redaction.text_fields import PATH_FIELDS, text_fields
from pytest_detgate.record.report import Report
from pytest_detgate.regular_file import real_path

S = TypeVar("S", bound=msgspec.Struct)

_LOGIN = re.compile(r"(?<=://)[^\s/@'\"]+@")


class Redaction:
    """Hides in texts and records what a project does not want seen.

    `root` is the directory that paths are shown relative to, `folders` are absolute paths that
    texts may name. With `paths`, of every place only the last part is shown; with `hosts`, host
    names and addresses are hidden; all that a pattern matches is hidden anywhere. Names of classes
    are no paths: those of the records that were shown are known in texts, too.
    """

    def __init__(
        self,
        root: Path,
        *,
        folders: Iterable[Path] = (),
        paths: bool = False,
        hosts: bool = False,
        patterns: Iterable[re.Pattern[str]] = (),
        home: Path | None = None,
        host: str | None = None,
    ) -> None:
        self._root = root
        self._home = _home() if home is None else home
        self._paths = paths
        self._labels: set[str] = set()
        self._patterns = tuple(patterns)
        self._hosts = host_patterns(host or socket.gethostname()) if hosts else ()
        self._under_root = folder_pattern({str(root), str(real_path(root))})
        self._under_home = folder_pattern({str(self._home), str(real_path(self._home))})
        self._known = self._known_places(folders)
        self._without_known = known_pattern(self._known)

    def text(self, text: str) -> str:
        """A text as it may be seen."""
        text = self._without_names(text)
        return self._without_paths(text) if self._may_name_a_path(text) else text

    def label(self, label: str) -> str:
        """The name of a class as it may be seen: it is no path."""
        return self._without_names(label)

    def name(self, name: str) -> str:
        """The name of an item or a value as it may be seen, `ap[/m/0]`: what is in brackets is no
        path, except for a test, whose name begins with one."""
        return self.text(name) if begins_with_path(name) else self.label(name)

    def suspects(self, document: str) -> bool:
        """Whether a document, as a file holds it, may have something to hide; a quick check."""
        return bool(self._patterns or self._hosts) or self._may_name_a_path(document)

    def path_text(self, path: str) -> str:
        """The path of a file or folder, absolute or relative to the root, as it may be seen."""
        return self._shown(self._without_names(path))

    def argument(self, argument: str) -> str:
        """An argument of a command line, in which a path may hold blanks."""
        absolute = option_and_path(argument)
        if absolute is not None:
            return self.text(absolute[0]) + self.path_text(absolute[1])
        head, equals, value = argument.partition("=")
        if not equals:
            head, value = "", argument
        if self._paths and "/" in value and "://" not in value and "::" not in value:
            return self.text(f"{head}{equals}") + self.path_text(value)
        return self.text(argument)

    def record(self, record: S) -> S:
        """A part of the record in which every text is as it may be seen."""
        self._labels |= labels_like_paths(record)
        return typing.cast("S", _Walk(self).of(record))

    def report(self, report: Report) -> Report:
        """The record of a run, the command that started it included."""
        command = [self.argument(argument) for argument in report.command]
        return msgspec.structs.replace(self.record(report), command=command)

    def values(self, values: object) -> object:
        """Plain values as JSON has them, in which every text but the keys is as it may be seen."""
        return _Walk(self, keys=False).of(values)

    def _may_name_a_path(self, text: str) -> bool:
        if "/" not in text and "\\" not in text:
            return False
        return any(path in text for path in self._known) or may_hold_path(text)

    def _without_names(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(HIDDEN, text)
        if "@" in text:
            text = _LOGIN.sub(f"{HIDDEN}@", text)
        return without_hosts(text, self._hosts) if self._hosts else text

    def _without_paths(self, text: str) -> str:
        text = self._under_root.sub(_inside, text)
        text = self._without_known(text)
        text = self._under_home.sub(_at_home, text)
        text = CLIMBING.sub(lambda match: self._shown(match["path"]), text)
        return without_absolute_paths(text, self._labels)

    def _shown(self, written: str) -> str:
        if "://" in written or not written:
            return self.text(written)
        if PureWindowsPath(written).is_absolute() and not written.startswith("/"):
            return f"{ELSEWHERE}/{PureWindowsPath(written).name}"
        path = _plain(self._root / written)
        if self._paths:
            short = PurePosixPath(written.replace("\\", "/"))
            return short.name if len(short.parts) == 1 else f"{ELSEWHERE}/{path.name}"
        for root in (self._root, real_path(self._root)):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        if self._is_beside(path):
            return Path(os.path.relpath(path, self._root)).as_posix()
        if path.is_relative_to(self._home):
            return f"~/{path.relative_to(self._home).as_posix()}"
        return f"{ELSEWHERE}/{path.name}"

    def _is_beside(self, path: Path) -> bool:
        """Whether the way there from the root tells nothing of where the root lies: it does not
        lead through the top of the file system, nor above a home directory."""
        common = Path(os.path.commonpath((path, self._root)))
        return common != Path(common.anchor) and not self._home.parent.is_relative_to(common)

    def _known_places(self, folders: Iterable[Path]) -> dict[str, str]:
        """How texts may name these places, and how each of them is shown."""
        known: dict[str, str] = {}
        for folder in folders:
            path = _plain(folder)
            for way in (path, real_path(path), Path(os.path.relpath(path, self._root))):
                named = way.as_posix()
                shown = self._shown(named)
                if "/" in named and shown != named:
                    known[named] = shown
        return known


class _Walk:
    """Goes through a record; what occurs often is looked at once."""

    def __init__(self, redaction: Redaction, *, keys: bool = True) -> None:
        self._redaction = redaction
        self._keys = keys
        self._seen: dict[str, str] = {}

    def of(self, value: object) -> object:
        if isinstance(value, str):
            if value not in self._seen:
                self._seen[value] = self._redaction.text(value)
            return self._seen[value]
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        if isinstance(value, (list, tuple)):
            return type(value)([self.of(entry) for entry in value])
        if isinstance(value, dict):
            return self._dict(value, self.of)
        return value

    def _struct(self, value: msgspec.Struct) -> msgspec.Struct:
        paths = PATH_FIELDS.get(type(value), ())
        labels = LABEL_FIELDS.get(type(value), ())
        names = NAME_FIELDS.get(type(value), ())
        changes = {}
        for name in text_fields(type(value)):
            old = getattr(value, name)
            if name in labels:
                new = self._each(old, self._redaction.label)
            elif name in names:
                new = self._each(old, self._redaction.name)
            else:
                new = self._redaction.path_text(old) if name in paths and old else self.of(old)
            if new != old:
                changes[name] = new
        return msgspec.structs.replace(value, **changes) if changes else value

    def _each(self, value: object, shown: Callable[[str], str]) -> object:
        """A name, a list of names, or a table of what belongs to each."""
        if isinstance(value, dict):
            return self._dict(value, lambda key: shown(str(key)))
        if isinstance(value, list):
            return [shown(entry) for entry in value]
        return shown(value) if isinstance(value, str) else value

    def _dict(
        self, value: dict[object, object], of_key: Callable[[object], object]
    ) -> dict[object, object]:
        """Two names that become one must not lose what belongs to one of them."""
        if not self._keys:
            return {key: self.of(entry) for key, entry in value.items()}
        shown: dict[object, object] = {}
        for key, entry in value.items():
            name = again = of_key(key)
            copy = 1
            while again in shown:
                copy += 1
                again = f"{name} ({copy})"
            shown[again] = self.of(entry)
        return shown


def _inside(match: re.Match[str]) -> str:
    return "" if match["below"] else "."


def _at_home(match: re.Match[str]) -> str:
    return "~/" if match["below"] else "~"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home directory
        return Path(os.sep)


def _plain(path: Path) -> Path:
    """The path without `..`, links left as they are."""
    return Path(os.path.normpath(path))
