"""What modules looked at when they were imported.

A module is imported once in a process, and what it looked at then still decides what it does, for
every model that is made of it later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Literal

Kind = Literal["file", "module", "lookup", "absent", "folder", "pattern", "variable", "hidden"]
Note = tuple[Kind, str]
Notes = dict[Note, Any]
"""What was looked at, by kind and name, in the state that it had then."""

_notes: dict[str, Notes] = {}


def begin(file: str) -> None:
    """A module is about to be imported from a file, unless only its source is read again; what it
    looked at before is forgotten."""
    if file not in _notes or not _is_imported(file):
        _notes[file] = {}


def add(file: str, note: Note, state: object) -> None:
    """Note something that a module looked at, or a module that it imported."""
    if file in _notes:
        _notes[file].setdefault(note, state)


def _is_imported(file: str) -> bool:
    return any(
        getattr(module, "__file__", None) == file
        and not getattr(getattr(module, "__spec__", None), "_initializing", False)
        for module in list(sys.modules.values())
    )


def notes_of(files: Iterable[str]) -> tuple[Notes, set[str]]:
    """What the modules with these files looked at, and those that they imported; and the files of
    which that is not known, because they were imported before anybody noted it."""
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    found: Notes = {}
    unknown = set()
    waiting = list(files)
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        if file not in loaded:
            continue  # what it looks at is noted when it is imported
        if file not in _notes:
            unknown.add(file)
            continue
        for (kind, name), state in _notes[file].items():
            found.setdefault((kind, name), state)
            if kind == "module" and name not in seen:
                seen.add(name)
                waiting.append(name)
    return found, unknown
