"""The JSON Schema of `detgate.toml`, generated from the types that read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.record.report_schema import in_one_form
from pytest_detgate.rules.documentation.editor_schema import draft_7
from pytest_detgate.rules.rule import Rule

SCHEMA_ID = (
    "https://raw.githubusercontent.com/pytest-detgate/pytest-detgate/main/docs/detgate.schema.json"
)

_SWITCHED_OFF = {
    "type": "object",
    "properties": {"enabled": {"const": False}},
    "required": ["enabled"],
}
"""The table of a rule that is switched off: no other key has to be there."""


def config_schema(rules: Mapping[str, type[Rule]]) -> dict[str, Any]:
    """The schema of a `detgate.toml` that may use these rules, by code, in draft 7.

    If the file names `plugins`, it may use rules that the schema does not know.
    """
    (_, *tables), definitions = msgspec.json.schema_components(
        [ConfigTable, *rules.values()], ref_template="#/$defs/{name}"
    )
    root = definitions.pop("ConfigTable")
    root["properties"]["rules"] = {
        "description": "The rules; a list of tables makes a rule more than once, by name.",
        "type": "object",
        "properties": {
            code: {
                "anyOf": [table, _SWITCHED_OFF, {"type": "array", "items": table, "minItems": 1}]
            }
            for code, table in zip(rules, tables, strict=True)
        },
        "additionalProperties": {"type": ["object", "array"]},
    }
    known = {"properties": {"rules": {"propertyNames": {"enum": list(rules)}}}}
    root["if"], root["else"] = {"required": ["plugins"]}, known
    root["anyOf"] = [
        {"required": ["rules"], "properties": {"rules": {"minProperties": 1}}},
        {"required": ["recommended"], "properties": {"recommended": {"const": True}}},
    ]
    for kind in rules.values():
        definition = definitions[kind.__name__]
        definition["description"] = (kind.__doc__ or "").split("\n", 1)[0]
    whole = {"$id": SCHEMA_ID, **root, "title": "detgate.toml", "$defs": definitions}
    return draft_7(in_one_form(whole))
