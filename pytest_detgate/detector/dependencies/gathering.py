"""Conversion of notes into dependencies, with the content of the files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from pytest_detgate.detector.dependencies import import_notes
from pytest_detgate.detector.dependencies.import_notes import NoteKind, Notes
from pytest_detgate.detector.dependencies.installed import package_states
from pytest_detgate.detector.dependencies.state import Dependencies, file_signature, file_state

HAS_CHANGED = "has changed"


def gather_dependencies(
    notes: Notes,
    code: Iterable[str] = (),
    *,
    modules: Iterable[str] = (),
    distributions: Iterable[str] = (),
    without: Collection[str] = (),
    state: Callable[[str], str] = file_state,
) -> Dependencies:
    """Convert notes, files of code, and the accesses during their import into dependencies.

    `modules` and `distributions` are installed ones that the code uses, besides those in the notes.
    `without` are files to omit, `state` returns the state of a file. If a file has changed since
    its access, it is unknown which content counts: that is one of the hidden reasons.
    """
    code = list(code)
    at_import, unknown = import_notes.notes_of(
        [*code, *(name for kind, name in notes if kind == "module")]
    )
    all_notes = {**at_import, **notes}
    for file in code:
        all_notes.setdefault(("module", file), file_signature(file))
    by_kind = {kind: {n: s for (k, n), s in all_notes.items() if k == kind} for kind in _KINDS}
    files = {
        name: signature
        for name, signature in {**by_kind["module"], **by_kind["file"]}.items()
        if name not in without
    }
    contents = {name: state(name) for name in sorted(files)}
    hidden = [
        *by_kind["hidden"],
        *(f"{name} was imported before accesses were recorded" for name in sorted(unknown)),
        *(f"{name} {HAS_CHANGED}" for name in contents if file_signature(name) != files[name]),
    ]
    return Dependencies(
        files=contents,
        # For files that were also read, the content counts.
        lookups={
            name: state_then
            for name, state_then in by_kind["lookup"].items()
            if name not in without and name not in files
        },
        absent=by_kind["absent"],
        questions={
            question: answer
            for question, answer in by_kind["question"].items()
            # The content of a file includes its size.
            if not (question.startswith("size ") and question[5:] in {*files, *without})
        },
        folders=by_kind["folder"],
        patterns=by_kind["pattern"],
        environment=by_kind["variable"],
        packages=package_states({*modules, *by_kind["package"]}, distributions),
        hidden=tuple(hidden),
    )


_KINDS: tuple[NoteKind, ...] = (
    *("module", "file", "lookup", "question", "absent", "folder", "pattern", "variable"),
    *("package", "hidden"),
)
