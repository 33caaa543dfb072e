"""The wording of every configuration error: where, what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, time
from typing import Any

import msgspec
from msgspec import inspect

from pytest_detgate.counts import counted
from pytest_detgate.errors import nearest

# Of more names than this, only the nearest are listed.
_MOST_LISTED, _NEAR_LISTED = 60, 10


def unknown(kind: str, name: str, allowed: Iterable[str]) -> str:
    """Say that `name` is no such `kind`, what there is, and what was probably meant."""
    names = list(dict.fromkeys(allowed))
    shown = names
    if len(names) > _MOST_LISTED:
        shown = difflib.get_close_matches(name, names, n=_NEAR_LISTED, cutoff=0)
        shown.append(f"and {len(names) - len(shown):,} more")
    listed = ", ".join(shown) if shown else "none"
    return f"no {kind} {name!r}{nearest(name, names)} (there is: {listed})"


def expected(annotation: Any) -> str:
    """Describe a type as a person would: `a whole number ≥ 0`."""
    return _describe(inspect.type_info(annotation))


def needs_text(annotation: Any) -> bool:
    """Whether a value is text that must not be empty, or a list of such texts."""
    kind = inspect.type_info(annotation)
    while isinstance(kind, (inspect.Metadata, inspect.VarTupleType)):
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind.item_type
    return isinstance(kind, inspect.StrType) and bool(kind.min_length)


def value_text(value: Any) -> str:
    """Show a TOML value as it may be typed, cut to a readable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (date, time)):
        return value.isoformat()
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(value: Any, annotation: Any) -> str:
    """The nearest allowed word, where a closed set of words is allowed."""
    kind = inspect.type_info(annotation)
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType) and isinstance(value, str):
        return nearest(value, [str(allowed) for allowed in kind.values])
    return ""


def _describe(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return _describe(kind.type)
    if isinstance(kind, inspect.UnionType):
        parts = [_describe(part) for part in kind.types if not isinstance(part, inspect.NoneType)]
        return " or ".join(parts)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(
            f'"{value}"' if isinstance(value, str) else str(value) for value in kind.values
        )
    if isinstance(kind, inspect.IntType):
        return "a whole number" + _bounds(kind)
    if isinstance(kind, inspect.FloatType):
        return "a number" + _bounds(kind)
    if isinstance(kind, inspect.StrType):
        return "text that is not empty" if kind.min_length else "text"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.DateType):
        return "a date such as 2026-12-31"
    if isinstance(kind, inspect.TupleType):
        length = f"a list of {len(kind.item_types)}"
        each = {_describe(item) for item in kind.item_types}
        return f"{length}, each entry {each.pop()}" if len(each) == 1 else length
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        least = kind.min_length or 0
        length = f" of at least {counted(least, 'entry', 'entries')}" if least else ""
        return f"a list{length}, each entry {_describe(kind.item_type)}"
    if isinstance(kind, (inspect.DictType, inspect.StructType)):
        return "a table"
    return msgspec.json.encode(kind.__class__.__name__).decode()


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" between {kind.ge:g} and {kind.le:g}"
    bounds = (("≥", kind.ge), (">", kind.gt), ("≤", kind.le), ("<", kind.lt))
    return " and".join(f" {sign} {bound:g}" for sign, bound in bounds if bound is not None)
