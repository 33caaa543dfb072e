"""Further fields of the entries of a COCO file: what its maker wrote beside the standard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from pytest_detgate.dataset.text.exact_objects import are_decodable
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json

Entries = Literal["images", "annotations"]


def read_fields(path: Path, entries: Entries, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of some fields of every entry, in the order of the file; None where an entry
    lacks the field."""
    if not are_decodable(names):
        plain = _entries(path, entries, dict[str, Any])
        return {name: [entry.get(name) for entry in plain] for name in names}
    listed = _entries(path, entries, entry_type((), names))
    return {
        name: [getattr(entry, attribute(number)) for entry in listed]
        for number, name in enumerate(names)
    }


def entry_type(columns: Sequence[Any], names: Sequence[str]) -> Any:
    """A type that decodes `columns`, as `msgspec.defstruct` takes them, and further fields of any
    decodable names. They are numbered (`attribute`), because a name in a file need not be a name
    in Python."""
    return msgspec.defstruct(
        "Entry",
        [*columns, *((attribute(number), Any, None) for number in range(len(names)))],
        gc=False,
        rename={attribute(number): name for number, name in enumerate(names)},
    )


def attribute(number: int) -> str:
    """What the further field of that number is called in a decoded entry."""
    return f"field_{number}"


def field_names(path: Path, entries: Entries) -> list[str]:
    """The names of all fields that any entry has, in order of first appearance."""
    names: dict[str, None] = {}
    for entry in _entries(path, entries, dict[str, msgspec.Raw]):
        names.update(dict.fromkeys(entry))
    return list(names)


def _entries(path: Path, entries: Entries, kind: Any) -> list[Any]:
    file = msgspec.defstruct("File", [(entries, list[kind], msgspec.field(default_factory=list))])
    listed: list[Any] = getattr(
        decode_json(read_bytes(path), file, path, unique_keys=False), entries
    )
    return listed
