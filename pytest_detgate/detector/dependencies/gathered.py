"""Notes turned into dependencies: the content of files joins their names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from pytest_detgate.detector.dependencies import import_notes
from pytest_detgate.detector.dependencies.import_notes import Kind, Notes
from pytest_detgate.detector.dependencies.state import Dependencies, file_signature, file_state

HAS_CHANGED = "has changed"


def gathered(
    notes: Notes,
    code: Iterable[str] = (),
    *,
    without: Collection[str] = (),
    state: Callable[[str], str] = file_state,
) -> Dependencies:
    """What was noted, together with files of code and what they looked at when they were imported.

    `without` are files that are known in another way, `state` reads the content of a file. A file
    that has changed since it was looked at is one of the hidden reasons: nobody knows which of its
    contents counts.
    """
    code = list(code)
    at_import, unknown = import_notes.notes_of(
        [*code, *(name for kind, name in notes if kind == "module")]
    )
    found = {**at_import, **notes}
    for file in code:
        found.setdefault(("module", file), file_signature(file))
    named = {kind: {n: s for (k, n), s in found.items() if k == kind} for kind in _KINDS}
    files = {
        name: signature
        for name, signature in {**named["module"], **named["file"]}.items()
        if name not in without
    }
    contents = {name: state(name) for name in sorted(files)}
    hidden = [
        *named["hidden"],
        *(f"{name} was imported before anything was noted" for name in sorted(unknown)),
        *(f"{name} {HAS_CHANGED}" for name in contents if file_signature(name) != files[name]),
    ]
    return Dependencies(
        files=contents,
        # Of what was read, too, the content tells more.
        lookups={
            name: held
            for name, held in named["lookup"].items()
            if name not in without and name not in files
        },
        absent=named["absent"],
        folders=named["folder"],
        patterns=named["pattern"],
        environment=named["variable"],
        hidden=tuple(hidden),
    )


_KINDS: tuple[Kind, ...] = (
    *("module", "file", "lookup", "absent", "folder", "pattern", "variable", "hidden"),
)
