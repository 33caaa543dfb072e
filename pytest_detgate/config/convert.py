"""TOML values to typed ones, every mistake reported at the place where it was typed."""

from __future__ import annotations

import math
import types
import typing
from typing import Annotated, Any, TypeVar

import msgspec

from pytest_detgate.config.wording import Place, expected, found, suggestion
from pytest_detgate.errors import nearest

S = TypeVar("S", bound=msgspec.Struct)


def convert_table(table: Any, kind: type[S], place: Place) -> S:
    """Build a `kind` from a TOML table; an unknown key, a missing key or a wrong value raises
    `ConfigError` with its place, what was found and what is allowed."""
    if not isinstance(table, dict):
        raise place.error(f"expected a table, found {found(table)}")
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in table:
        if key not in fields:
            hint = f"{nearest(key, fields)} (allowed here: {', '.join(fields)})"
            if isinstance(table[key], dict):
                raise place.table(key).error(f"no such table{hint}")
            raise place.error(f"no such key{hint}", key)
    values = {}
    for key, field in fields.items():
        if key in table:
            values[field.name] = _convert(table[key], field.type, place, key)
        elif field.required:
            raise place.error(f"the key {key!r} is missing; it takes {expected(field.type)}")
    return kind(**values)


def _convert(value: Any, annotation: Any, place: Place, key: str) -> Any:
    annotation = _kind_for(value, _without_none(annotation))
    origin = typing.get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return convert_table(value, annotation, place.table(key))
    if origin is dict and isinstance(value, dict):
        kind = typing.get_args(annotation)[1]
        inner = place.table(key)
        return {name: _convert(entry, kind, inner, name) for name, entry in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = typing.get_args(annotation)
        if kinds[-1] is Ellipsis and _is_struct(kinds[0]):
            return tuple(convert_table(entry, kinds[0], place.table(key)) for entry in value)
    return _convert_leaf(value, annotation, place, key)


def _convert_leaf(value: Any, annotation: Any, place: Place, key: str) -> Any:
    # TOML knows nan and inf; as a limit either would make a comparison that means nothing.
    if isinstance(value, float) and not math.isfinite(value):
        raise place.error(f"expected {expected(annotation)}, found {value}", key)
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        raise place.error(
            f"expected {expected(annotation)}, found {found(value)}{suggestion(value, annotation)}",
            key,
        ) from None


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return kinds[0]
    return annotation


def _kind_for(value: Any, annotation: Any) -> Any:
    """The table that a TOML table is meant for, where a key takes a table or a plain value."""
    is_annotated = typing.get_origin(annotation) is Annotated
    plain = typing.get_args(annotation)[0] if is_annotated else annotation
    if typing.get_origin(plain) in (typing.Union, types.UnionType) and isinstance(value, dict):
        tables = [kind for kind in typing.get_args(plain) if _is_struct(kind)]
        if len(tables) == 1:
            return tables[0]
    return annotation


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
