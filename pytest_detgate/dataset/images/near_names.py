"""Files whose name is near one that is not there.

Names are near each other where they differ in letter case, blanks, composed letters, the kind of
slash, `%20` for a blank, folders in front, or suffix; or in what tools put around a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from pytest_detgate.dataset.images.paths import Parts, best_of, parts_of
from pytest_detgate.dataset.keys import near_key

_UPLOADED = re.compile(r"[0-9a-f]{8}-")
_EXPORTED = re.compile(r"(_[a-z]{3,4})?\.rf\.[0-9a-f]{32}.*")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


class NearNames:
    """The files of a folder by what their names have in common with near ones."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_path: dict[Parts, list[str]] = {}
        self._by_name: dict[str, list[tuple[Parts, str]]] = {}
        self._by_stem: dict[str, list[tuple[Parts, str]]] = {}
        self._by_core: dict[str, list[tuple[Parts, str]]] = {}
        for name in names:
            *folders, last = _folded(name)
            entry = (tuple(folders), name)
            self._by_path.setdefault((*folders, last), []).append(name)
            self._by_name.setdefault(last, []).append(entry)
            self._by_stem.setdefault(PurePosixPath(last).stem, []).append(entry)
            self._by_core.setdefault(_core(last), []).append(entry)

    def find(self, text: str) -> tuple[str, ...]:
        """Return the files that a name may mean, those of the smallest difference only. None of
        them is in a folder that contradicts the written one."""
        *folders, last = _folded(text)
        if (*folders, last) in self._by_path:
            return tuple(self._by_path[(*folders, last)])
        for listed in self._listed(last):
            agreeing = best_of(listed, folders)
            if agreeing:
                return tuple(name for _, name in agreeing)
        return ()

    def _listed(self, last: str) -> tuple[list[tuple[Parts, str]], ...]:
        """Files that a name without folders may mean, those of the smallest difference first."""
        return (
            self._by_name.get(last, []),
            self._by_stem.get(PurePosixPath(last).stem, []),
            self._by_core.get(_core(last), []),
        )

    def only(self, text: str) -> str | None:
        """Return the one file that a name may mean; None where there is none or several."""
        near = self.find(text)
        return near[0] if len(near) == 1 else None

    def note(self, text: str) -> str:
        """Say which file a name may mean: ` (there is b.JPG)`; nothing where none is near."""
        near = self.find(text)
        if len(near) > 1:
            return f" (there are {', '.join(near[:3])})"
        if not near:
            last = _folded(text)[-1]
            near = tuple(listed[0][1] for listed in self._listed(last) if listed)[:1]
        return f" (there is {near[0]})" if near else ""


def near_matches(names: Sequence[str], there: Sequence[str]) -> dict[int, str]:
    """Return, for the rows of `names` that are not `there`, the one near file that each may mean.

    A file that is listed under its own name, or that several rows may mean, is not taken.
    """
    known, listed = set(there), set(names)
    near = NearNames(there)
    name_of_row = {row: near.only(name) for row, name in enumerate(names) if name not in known}
    rows: dict[str, list[int]] = {}
    for row, name in name_of_row.items():
        if name is not None and name not in listed:
            rows.setdefault(name, []).append(row)
    return {meant[0]: name for name, meant in rows.items() if len(meant) == 1}


def _core(last: str) -> str:
    """What is left of the name of a file, in small letters, without quotes, the number that Label
    Studio puts in front of an upload, the hash that Roboflow puts behind it, and suffixes."""
    core = _UPLOADED.sub("", last.strip("\"'"), count=1)
    core = _EXPORTED.sub("", core)
    while (suffix := PurePosixPath(core).suffix) and suffix in _SUFFIXES:
        core = core.removesuffix(suffix)
    return core


def _folded(text: str) -> list[str]:
    return parts_of(near_key(unquote(text))) or [""]
