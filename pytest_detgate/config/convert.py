"""TOML values to typed ones, with every mistake noted at its place."""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from pytest_detgate.config.location import Location
from pytest_detgate.config.mistakes import Mistakes
from pytest_detgate.config.wording import expected, needs_text, suggestion, value_text
from pytest_detgate.errors import nearest, nearest_name
from pytest_detgate.printable import is_blank
from pytest_detgate.regular_file import can_be_path

S = TypeVar("S", bound=msgspec.Struct)
_MOST_BITS = 63
# Keys whose text is a path, in whichever table.
_PATHS = frozenset(
    {
        *("annotations", "images", "data", "list", "events", "checkpoint", "config", "baseline"),
        *("work-dir", "path", "follow-links"),
    }
)
_WRONG = object()


def convert_table(
    table: Any, kind: type[S], location: Location, mistakes: Mistakes, *, is_complete: bool = True
) -> S:
    """Build a `kind` from a TOML table, and note all its mistakes: unknown and missing keys, and
    wrong values, each with its place, what was found and what is allowed.

    A field with a mistake is unset: it raises `AttributeError` when it is read. So is a field
    that a misspelt key may have meant, as its default is not what the author wanted. Keys that
    are missing are mistakes where the table `is_complete`.
    """
    fields = _fields_of(kind)
    if not isinstance(table, dict):
        mistakes.add(location.error(f"expected a table, found {value_text(table)}"))
        return _with_unset(kind, {}, [field.name for field in fields.values()])
    unknown = {key: value for key, value in table.items() if key not in fields}
    for key, value in unknown.items():
        _note_unknown(key, value, fields, location, mistakes)
    near = {nearest_name(key, fields) for key in unknown}
    # A name that is near none may mean any key that takes a table, or any that takes a value.
    shapes = {_is_table(value) for key, value in unknown.items() if not nearest_name(key, fields)}
    values: dict[str, Any] = {}
    unset = []
    for key, field in fields.items():
        if key in table:
            value = _convert(table[key], field.type, location, key, mistakes)
        elif field.required:
            value = _WRONG
            if is_complete and key not in near:
                takes = expected(field.type)
                mistakes.add(location.error(f"the key {key!r} is missing; it takes {takes}"))
        elif key in near or _takes_table(field.type) in shapes:
            value = _WRONG
        else:
            continue
        if value is _WRONG:
            unset.append(field.name)
        else:
            values[field.name] = value
    return _with_unset(kind, values, unset)


@functools.cache
def _fields_of(kind: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """The fields of a table by their keys. To resolve their types took a tenth of what a short
    configuration takes, each time."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _note_unknown(
    key: str, value: Any, fields: Collection[str], location: Location, mistakes: Mistakes
) -> None:
    hint = f"{nearest(key, fields)} (allowed here: {', '.join(fields)})"
    if isinstance(value, dict):
        mistakes.add(location.table(key).error(f"no such table{hint}"))
    else:
        mistakes.add(location.error(f"no such key{hint}", key))


def _with_unset(kind: type[S], values: Mapping[str, Any], unset: Iterable[str]) -> S:
    made = kind(**values, **dict.fromkeys(unset))
    for name in unset:
        # The struct is frozen, so that its fields cannot be deleted in the usual way.
        getattr(kind, name).__delete__(made)
    return made


def _convert(value: Any, annotation: Any, location: Location, key: str, mistakes: Mistakes) -> Any:
    """Return the typed value of a key, or `_WRONG`."""
    annotation = _without_none(annotation)
    kind = _table_for(value, annotation)
    origin, kinds = typing.get_origin(kind), typing.get_args(kind)
    if _is_struct(kind):
        return convert_table(value, kind, location.table(key), mistakes)
    if origin is dict and isinstance(value, dict):
        return _entries(value, kinds[1], location.table(key), mistakes)
    is_list = origin is tuple and isinstance(value, list) and kinds[-1] is Ellipsis
    if is_list and _is_struct(kinds[0]):
        inner = location.table(key)
        return tuple(
            convert_table(entry, kinds[0], inner.entry(index), mistakes)
            for index, entry in enumerate(value)
        )
    return _convert_leaf(value, annotation, location, key, mistakes)


def _entries(
    table: Mapping[str, Any], kind: Any, location: Location, mistakes: Mistakes
) -> dict[str, Any] | object:
    """The typed values of a table with any keys, whose names are known also where a value is
    wrong."""
    entries = {
        name: _convert(entry, kind, location, name, mistakes) for name, entry in table.items()
    }
    return {name: table[name] if entry is _WRONG else entry for name, entry in entries.items()}


def _convert_leaf(
    value: Any, annotation: Any, location: Location, key: str, mistakes: Mistakes
) -> Any:
    if _has_long_number(value):
        mistakes.add(location.error(f"a whole number has over {_MOST_BITS} bits", key))
        return _WRONG
    if key in _PATHS and not all(map(can_be_path, _texts(value))):
        mistakes.add(location.error(f"no path can be {value_text(value)}", key))
        return _WRONG
    if annotation is Any:
        return value
    # TOML knows nan and inf; as a limit either would make a comparison that means nothing.
    if isinstance(value, float) and not math.isfinite(value):
        mistakes.add(location.error(f"expected {expected(annotation)}, found {value}", key))
        return _WRONG
    try:
        if needs_text(annotation) and any(map(is_blank, _texts(value))):
            raise msgspec.ValidationError
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        hint = suggestion(value, annotation)
        what = f"expected {expected(annotation)}, found {value_text(value)}{hint}"
        mistakes.add(location.error(what, key))
        return _WRONG


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _has_long_number(value: Any) -> bool:
    """Whether a value is, or lists, a whole number that TOML has no room for: of one that is
    written in hexadecimal, Python cannot even show the digits. Tables are looked at by key."""
    if isinstance(value, list):
        return any(map(_has_long_number, value))
    return isinstance(value, int) and value.bit_length() > _MOST_BITS


def _without_none(annotation: Any) -> Any:
    if _is_union(annotation):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return kinds[0]
    return annotation


def _table_for(value: Any, annotation: Any) -> Any:
    """The kind of value without its description; of several the table that a TOML table is meant
    for."""
    is_annotated = typing.get_origin(annotation) is Annotated
    plain = typing.get_args(annotation)[0] if is_annotated else annotation
    if _is_union(plain) and isinstance(value, dict):
        tables = [kind for kind in typing.get_args(plain) if _is_struct(kind)]
        if len(tables) == 1:
            return tables[0]
    return plain


def _is_table(value: Any) -> bool:
    """Whether a value is a table or a list of tables."""
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)
    )


def _takes_table(annotation: Any) -> bool:
    """Whether a key takes a table or a list of tables."""
    plain = _table_for({}, _without_none(annotation))
    kind = (*typing.get_args(plain), None)[0] if typing.get_origin(plain) is tuple else plain
    return _is_struct(kind) or typing.get_origin(kind) is dict


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
