"""Paths as people and tools write them, and how much of two paths agrees."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_detgate.dataset.keys import key

_DRIVE = re.compile(r"[A-Za-z]:/")

Parts = tuple[str, ...]


def parts_of(text: str) -> list[str]:
    """Return the folders and the name of a path, without drive, `.` and the kind of slash."""
    path = key(text.replace("\\", "/")) or ""
    if _DRIVE.match(path):
        path = path[2:]
    return [part for part in path.split("/") if part not in ("", ".")]


def suffix_of(name: str) -> str:
    """Return the suffix of a plain path, as `PurePath.suffix` does, which takes ten times as long:
    folders have tens of thousands of files."""
    last = name[name.rfind("/") + 1 :]
    dot = last.rfind(".")
    return last[dot:] if 0 < dot < len(last) - 1 else ""


def stem_of(name: str) -> str:
    """Return the name of a file without folders and suffix, as `PurePath.stem` does."""
    last = name[name.rfind("/") + 1 :]
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last


def is_absolute(text: str) -> bool:
    """Whether a path begins at a root or a drive, in any system's way of writing."""
    path = text.replace("\\", "/")
    return path.startswith("/") or _DRIVE.match(path) is not None


def best_of(
    candidates: Sequence[tuple[Parts, str]], folders: Sequence[str]
) -> list[tuple[Parts, str]]:
    """Return those of the candidates that agree with some folders, in most of them; where one
    agrees as a whole, that one. The folders of one are the end of those of the other."""
    agreeing = []
    for own, name in candidates:
        same = 0
        while same < min(len(own), len(folders)) and own[-1 - same] == folders[-1 - same]:
            same += 1
        if same == min(len(own), len(folders)):
            agreeing.append(((same, same == len(own)), (own, name)))
    most = max((rank for rank, _ in agreeing), default=None)
    return [candidate for rank, candidate in agreeing if rank == most]
