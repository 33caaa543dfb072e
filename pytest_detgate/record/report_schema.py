"""The JSON Schema of `report.json`, generated from the types that write and read it."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from pytest_detgate.record.report import FORMAT, Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema() -> dict[str, Any]:
    """The schema of a record of this format; what the record's types say of themselves is in it.

    A record may hold more than the schema names, so that one of a later release of the same
    format fits too.
    """
    (_,), definitions = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    root = definitions.pop("Report")
    root["properties"]["format"] = {"const": FORMAT}
    root["required"] = ["format", *root["required"]]
    return in_one_form(
        {
            "$schema": DIALECT,
            "$id": f"urn:pytest-detgate:report:{FORMAT}",
            **root,
            "title": f"report.json of pytest-detgate, format {FORMAT}",
            "$defs": definitions,
        }
    )


def in_one_form(schema: dict[str, Any]) -> dict[str, Any]:
    """Put `null` last among the alternatives and take the indent from descriptions, in place:
    versions of msgspec differ in the one, versions of Python in the other."""
    if "anyOf" in schema:
        schema["anyOf"].sort(key=lambda choice: choice == {"type": "null"})
    if isinstance(schema.get("description"), str):
        schema["description"] = inspect.cleandoc(schema["description"])
    for part in schema.values():
        for entry in part if isinstance(part, list) else [part]:
            if isinstance(entry, dict):
                in_one_form(entry)
    return schema
