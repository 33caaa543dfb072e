"""Accesses of modules during their import.

A module is imported once in a process, and its accesses at that time are dependencies of every
model that is made with it later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Literal

NoteKind = Literal[
    "file",
    "module",
    "lookup",
    "question",
    "absent",
    "folder",
    "pattern",
    "variable",
    "package",
    "hidden",
]
Note = tuple[NoteKind, str]
Notes = dict[Note, Any]
"""The state of accessed files, folders and so on at that time, by kind and name."""

_notes: dict[str, Notes] = {}


def begin(file: str) -> None:
    """Start the notes of a module that is about to be imported; earlier ones are dropped.

    If it is imported already, only its source is read again, and its notes stay.
    """
    if file not in _notes or not _is_imported(file):
        _notes[file] = {}


def has_any() -> bool:
    """Return whether notes of any module have been started."""
    return bool(_notes)


def are_taken(file: str) -> bool:
    """Return whether notes of a module have been started."""
    return file in _notes


def add(file: str, note: Note, state: object) -> None:
    """Note an access of a module, or a module that it imported."""
    if file in _notes:
        _notes[file].setdefault(note, state)


def _is_imported(file: str) -> bool:
    return any(
        getattr(module, "__file__", None) == file
        and not getattr(getattr(module, "__spec__", None), "_initializing", False)
        for module in list(sys.modules.values())
    )


def notes_of(files: Iterable[str]) -> tuple[Notes, set[str]]:
    """Return the notes of the modules with these files and of those that they imported.

    Also returns the files without notes, because they were imported before notes were taken.
    """
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    notes: Notes = {}
    unknown = set()
    waiting = list(files)
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        if file not in loaded:
            continue  # its accesses are noted when it is imported
        if file not in _notes:
            unknown.add(file)
            continue
        for (kind, name), state in _notes[file].items():
            notes.setdefault((kind, name), state)
            if kind == "module" and name not in seen:
                seen.add(name)
                waiting.append(name)
    return notes, unknown
