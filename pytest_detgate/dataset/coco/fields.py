"""Further fields of the entries of a COCO file: what its maker wrote beside the standard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json

Entries = Literal["images", "annotations"]


def read_fields(path: Path, entries: Entries, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of some fields of every entry, in the order of the file; None where an entry
    lacks the field."""
    # The fields are numbered, because a name in a file need not be a name in Python.
    columns = [(f"field_{at}", Any, None) for at in range(len(names))]
    rename = {f"field_{at}": name for at, name in enumerate(names)}
    entry = msgspec.defstruct("Entry", columns, gc=False, rename=rename)
    listed = _entries(path, entries, entry)
    return {name: [getattr(one, f"field_{at}") for one in listed] for at, name in enumerate(names)}


def field_names(path: Path, entries: Entries) -> list[str]:
    """The names of all fields that any entry has, in order of first appearance."""
    names: dict[str, None] = {}
    for entry in _entries(path, entries, dict[str, msgspec.Raw]):
        names.update(dict.fromkeys(entry))
    return list(names)


def _entries(path: Path, entries: Entries, kind: Any) -> list[Any]:
    file = msgspec.defstruct("File", [(entries, list[kind], msgspec.field(default_factory=list))])
    listed: list[Any] = getattr(decode_json(read_bytes(path), file, path), entries)
    return listed
