"""The arguments of an expectation, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_detgate.config.wording import unknown, value_text
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.expectations.limits import limit_mistake
from pytest_detgate.expectations.models import (
    BOOKKEEPING,
    ExpectationModel,
    Schema,
    common_arguments,
    find_model,
)
from pytest_detgate.expectations.parameters import is_parameter, parameter_mistake
from pytest_detgate.expectations.requested import Requested, first_non_finite

Mistake = tuple["str | None", str]
"""The argument that is wrong, None where it is the expectation itself, and what is wrong."""
_PARAMETER = {"type": "object"}
_NAMES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}


def mistakes_in(requested: Requested, parameters: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong in a requested expectation: its name, its arguments, their values, the
    parameters in them, and that nothing could fail it."""
    try:
        model = find_model(requested.type)
    except DataError as error:
        yield "type", str(error)
        return
    if not model.pandas:
        yield "type", f"{model.name} needs a database: tables of a data set are data frames"
        return
    wrong = list(_argument_mistakes(requested, model, parameters))
    yield from wrong
    if not wrong:
        limit = limit_mistake(requested, model)
        yield from [] if limit is None else [(None, limit)]


def _argument_mistakes(
    requested: Requested, model: ExpectationModel, parameters: Mapping[str, Any]
) -> Iterator[Mistake]:
    schemas = {**model.arguments, **common_arguments()}
    for name, value in requested.arguments.items():
        if name not in schemas:
            allowed = [*model.arguments, *common_arguments()]
            yield (
                name,
                unknown(
                    "argument",
                    name,
                    [argument for argument in allowed if argument not in BOOKKEEPING],
                ),
            )
            continue
        odd = first_non_finite(value)
        if odd is not None:
            yield name, f"{odd} is no limit"
            continue
        # What an expectation is about may be filled, what its author says about it may not.
        may_be_filled = name in model.arguments
        wrong = parameter_mistake(value, parameters) if may_be_filled else None
        if wrong is None and not (may_be_filled and _has_parameter(value)):
            wrong = _value_mistake(value, schemas[name]) or _text_mistake(name, value)
        if wrong is not None:
            yield name, wrong
    for name in model.required:
        if name not in requested.arguments:
            yield None, f"the argument {name!r} is missing"


def _value_mistake(value: Any, schema: Schema) -> str | None:
    """Why a value is none that a schema allows; None where it is allowed, as far as the schemas
    tell: Great Expectations itself takes more."""
    alternatives = list(_alternatives(schema))
    # A bare object is what GX says for a parameter, which this is not.
    alternatives = [
        alternative for alternative in alternatives if alternative != _PARAMETER
    ] or alternatives
    kinds = [kind for alternative in alternatives for kind in _kinds(alternative)]
    if not kinds:
        return None
    of_kind = [
        alternative
        for alternative in alternatives
        if any(_is_kind(value, kind) for kind in _kinds(alternative))
    ]
    if not of_kind:
        words = " or ".join(_NAMES[kind] for kind in dict.fromkeys(kinds))
        return f"expected {words}, found {value_text(value)}"
    reasons = [_range_mistake(value, alternative) for alternative in of_kind]
    return None if None in reasons else reasons[0]


def _alternatives(schema: Schema) -> Iterator[Schema]:
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts is None:
        yield schema
        return
    for part in parts:
        yield from _alternatives(part)


def _kinds(schema: Schema) -> list[str]:
    kind = schema.get("type")
    return [] if kind is None else [kind] if isinstance(kind, str) else list(kind)


def _is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, (int, float)):
        return kind == "number" or (kind == "integer" and float(value).is_integer())
    if isinstance(value, str) or hasattr(value, "isoformat"):  # TOML has dates
        return kind == "string"
    if isinstance(value, (list, tuple)):
        return kind == "array"
    return kind == "object"


def _range_mistake(value: Any, schema: Schema) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        words = ", ".join(f'"{choice}"' for choice in schema["enum"])
        near = nearest(value, schema["enum"]) if isinstance(value, str) else ""
        return f"expected one of {words}, found {value_text(value)}{near}"
    low, high = schema.get("minimum"), schema.get("maximum")
    is_ranged = isinstance(value, (int, float)) and low is not None and high is not None
    if is_ranged and not low <= value <= high:
        return f"expected a number between {low:g} and {high:g}, found {value_text(value)}"
    if schema.get("minLength") and value == "":
        return "expected text that is not empty"
    for name in schema.get("required", ()) if isinstance(value, Mapping) else ():
        if name not in value:
            return f"the key {name!r} is missing"
    return None


def _text_mistake(name: str, value: Any) -> str | None:
    """Why a regular expression is none."""
    patterns = {"regex": [value], "regex_list": value}.get(name, ())
    for pattern in patterns if isinstance(patterns, list) else ():
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            return f"{pattern!r} is no regular expression: {error}"
    return None


def _has_parameter(value: Any) -> bool:
    if is_parameter(value):
        return True
    entries = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, (Mapping, list, tuple)) and any(map(_has_parameter, entries))
