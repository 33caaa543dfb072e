"""JSON files whose entries keep their text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from pytest_detgate.errors import DataError
from pytest_detgate.printable import printable

Entry: TypeAlias = dict[str, msgspec.Raw]
"""A table of a JSON file, its values as text."""


def table_of(content: bytes) -> Entry:
    """Return the values of a table, each as text."""
    table: Entry = _decode(content, Entry)
    return table


def entries_of(content: bytes | None) -> list[msgspec.Raw]:
    """Return the entries of a list, each as text; none where there is no list."""
    return [] if content is None else _decode(content, list[msgspec.Raw])


def value_of(raw: msgspec.Raw) -> Any:
    """Return the value of a text."""
    return _decode(bytes(raw), Any)


def raw_of(value: Any) -> msgspec.Raw:
    """Return the text of a value. `DataError` for a file name that is not UTF-8."""
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except UnicodeEncodeError as error:
        raise DataError(
            f"'{printable(str(error.object))}' is not UTF-8 text, which JSON has to be; correct "
            "that name"
        ) from None


def join_entries(entries: Sequence[msgspec.Raw]) -> bytes:
    """Return a list of entries as text, one entry on each line."""
    return b"[\n" + b",\n".join(bytes(entry) for entry in entries) + b"\n]"


def table_text(table: Mapping[str, msgspec.Raw]) -> bytes:
    """Return a table as the text of a file, one value on each line."""
    lines = [bytes(raw_of(key)) + b": " + bytes(raw) for key, raw in table.items()]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def _decode(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        # Real files hold NaN and Infinity, which msgspec refuses; `json` reads and writes them.
        value = json.loads(content)
        if kind is Entry:
            return {key: _raw_with_nan(entry) for key, entry in value.items()}
        return [_raw_with_nan(entry) for entry in value] if kind == list[msgspec.Raw] else value


def _raw_with_nan(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
