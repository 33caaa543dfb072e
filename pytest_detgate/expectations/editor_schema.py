"""The JSON Schema of an expectation in `detgate.toml`, made from Great Expectations' own models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_detgate.expectations.models import (
    ExpectationModel,
    Schema,
    common_arguments,
    core_models,
)

_DESCRIBED = frozenset({"column", "mostly", "row_condition", "condition_parser"})
"""Arguments whose description is the same in every expectation."""
_PARAMETER = {"type": "object", "required": ["$PARAMETER"]}


def entry_schema() -> dict[str, Any]:
    """What an entry of `expect` may be: one of the expectations that can be evaluated on a data
    frame, with its arguments, or a class of the project, with any."""
    models = [model for model in core_models().values() if model.pandas]
    names = [name for model in core_models().values() for name in (model.name, model.cls)]
    other = {"properties": {"type": {"type": "string", "not": {"enum": names}}}}
    return {
        "properties": {"type": {"type": "string", "minLength": 1}},
        "required": ["type"],
        "anyOf": [*map(_of_model, models), other],
    }


def _of_model(model: ExpectationModel) -> dict[str, Any]:
    arguments = {name: _argument(name, schema) for name, schema in model.arguments.items()}
    common = {
        name: _argument(name, schema, short=True) for name, schema in common_arguments().items()
    }
    kind = {"enum": [model.name, model.cls], "description": model.about}
    return {
        "properties": {"type": kind, **arguments, **common},
        "required": ["type", *model.required],
        "additionalProperties": False,
    }


def _argument(name: str, schema: Schema, *, short: bool = False) -> dict[str, Any]:
    """The schema of an argument; each may be filled by a parameter."""
    without_default = {key: value for key, value in schema.items() if key != "default"}
    if short or name in _DESCRIBED:
        without_default.pop("description", None)
    return _flat(without_default)


def _flat(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema whose alternatives do not nest; GX says `object` for a parameter."""
    parts = list(_alternatives(schema))
    if len(parts) == 1:
        only = parts[0]
    else:
        plain = [part for part in parts if part != {"type": "object"}]
        only = {"anyOf": [*plain, _PARAMETER] if len(plain) < len(parts) else plain}
    described = {"description": schema["description"]} if "description" in schema else {}
    return {**only, **described}


def _alternatives(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [alternative for part in schema[key] for alternative in _alternatives(part)]
    own = {key: value for key, value in schema.items() if key != "description"}
    # Great Expectations takes more than lists of texts or of numbers, true and false for example.
    return [{"type": "array"} if own.get("type") == "array" and "items" in own else own]
