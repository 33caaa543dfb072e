"""The redaction that `[report]` asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pytest_detgate.config.validation import REDACTED_KINDS, redacted_pattern
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.redaction.redaction import Redaction


def redaction_of(project: Project, further: Iterable[Path] = ()) -> Redaction:
    """Return the redaction of a run of this project; `further` are paths that the command line
    names. A wrong entry of `redact` raises `ConfigError`."""
    entries = project.tables.report.redact
    location = project.configuration.location.table("report")
    return Redaction(
        project.root,
        folders=[*_named_paths(project), *further],
        paths="paths" in entries,
        hosts="hosts" in entries,
        patterns=[
            redacted_pattern(entry, location) for entry in entries if entry not in REDACTED_KINDS
        ],
    )


def _named_paths(project: Project) -> Iterator[Path]:
    """Return the files and folders that the configuration names, in whichever table and option.

    A text with a slash that leads to no folder and has no suffix is not a path but, for example,
    the name of a class.
    """
    configuration = project.configuration
    yield configuration.path
    for text in _texts(configuration.tables):
        if ("/" in text or "\\" in text) and "://" not in text and "\0" not in text:
            with contextlib.suppress(OSError, RuntimeError):  # too long; no home of that user
                path = configuration.locate(text)
                if path.suffix or path.parent.is_dir():
                    yield path


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name, None))  # unset: its value is wrong
