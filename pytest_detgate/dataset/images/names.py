"""Which image of a folder a label file or a list means by what it writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from pytest_detgate.dataset.images.folder_files import image_files
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.dataset.keys import key, near_key
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError

# ImageSets of Pascal VOC say behind each name whether a class is in the image.
_FLAGS = frozenset({"-1", "0", "1"})
_DRIVE = re.compile(r"[A-Za-z]:/")
USUAL_SUFFIX = ".jpg"
"""What is taken for the suffix of an image that is not there."""

Parts = tuple[str, ...]


class AmbiguousNameError(DataError):
    """A name means several files of a folder."""


class FileNames:
    """The files of a folder, found by as much of their path as somebody writes."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._by_name: dict[str, list[tuple[Parts, str]]] = {}
        self._by_stem: dict[str, list[tuple[Parts, str]]] = {}
        self._near: dict[str, str] | None = None
        for name in self.names:
            *folders, last = _parts(name)
            entry = (tuple(folders), name)
            self._by_name.setdefault(last, []).append(entry)
            self._by_stem.setdefault(PurePosixPath(last).stem, []).append(entry)

    def find(self, text: str, hints: Sequence[str] = ()) -> str | None:
        """Return the file that a path means, with or without suffix and with any folders in front;
        None where there is none.

        The file's path ends with the one that is written, or the other way round. Of several the
        one that agrees in most folders is meant; where that is more than one, `hints`, other paths
        of the file, decide together. `AmbiguousNameError` names the candidates that are left.
        """
        *folders, last = _parts(text)
        # A name without suffix, or with that of a format that the file had before.
        listed = self._by_name.get(last) or self._by_stem.get(last)
        listed = listed or self._by_stem.get(PurePosixPath(last).stem, [])
        candidates = _best(listed, folders)
        if len(candidates) > 1:
            meant = [_best(candidates, _parts(hint)[:-1]) or candidates for hint in hints]
            left = [entry for entry in candidates if all(entry in some for some in meant)]
            if len(left) != 1:
                shown = ", ".join(name for _, name in candidates[:5])
                raise AmbiguousNameError(f"{text!r} may be any of {len(candidates)} files: {shown}")
            candidates = left
        return candidates[0][1] if candidates else None

    def near(self, text: str) -> str:
        """Say which file somebody may have meant by a name that is not there: ` (there is b.JPG)`;
        nothing where none is near."""
        if self._near is None:
            self._near = {}
            for name in reversed(self.names):
                last = PurePosixPath(near_key(name))
                self._near[last.stem] = self._near[last.name] = name
        last = PurePosixPath(near_key(text))
        found = self._near.get(last.name) or self._near.get(last.stem)
        return "" if found is None else f" (there is {found})"


def names_in(folder: Path, options: ImageOptions) -> FileNames:
    """The images of a folder by their names; none where there is no such folder."""
    return FileNames(image_files(folder, options).images if folder.is_dir() else ())


def listed_names(path: Path) -> list[str]:
    """The paths that a list of images holds, one a line, as they are written."""
    lines = (_without_flag(line.strip()) for line in read_text(path).splitlines())
    return [line for line in lines if line]


def name_of_missing(text: str) -> str:
    """The name, relative to its folder, of an image that is not there."""
    path = PurePosixPath(*_parts(text)) if _parts(text) else PurePosixPath(text)
    if ".." in path.parts or _is_absolute(text):
        path = PurePosixPath(path.name)
    return str(path) if path.suffix else f"{path}{USUAL_SUFFIX}"


def _best(
    candidates: Sequence[tuple[Parts, str]], folders: Sequence[str]
) -> list[tuple[Parts, str]]:
    """Those of the candidates that agree with some folders, in most of them; where one agrees as a
    whole, that one."""
    agreeing = []
    for own, name in candidates:
        same = 0
        while same < min(len(own), len(folders)) and own[-1 - same] == folders[-1 - same]:
            same += 1
        if same == min(len(own), len(folders)):
            agreeing.append(((same, same == len(own)), (own, name)))
    most = max((rank for rank, _ in agreeing), default=None)
    return [candidate for rank, candidate in agreeing if rank == most]


def _parts(text: str) -> list[str]:
    path = (key(text.replace("\\", "/")) or "").strip()
    if _DRIVE.match(path):
        path = path[2:]
    return [part for part in path.split("/") if part not in ("", ".")]


def _is_absolute(text: str) -> bool:
    path = text.replace("\\", "/")
    return path.startswith("/") or _DRIVE.match(path) is not None


def _without_flag(line: str) -> str:
    name, _, flag = line.rpartition(" ")
    return name.strip() if flag in _FLAGS and name else line
