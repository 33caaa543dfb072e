"""JSON Schemas as editors of TOML read them: draft 7, without what TOML does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_BY_NAME = ("properties", "$defs")
_LISTED = ("anyOf", "allOf")
_NULL = {"type": "null"}
# Readers of TOML give a date as text or as a special object, which is of none of these types.
_DATE = {"format": "date", "not": {"type": ["number", "boolean", "object", "array"]}}


def draft_7(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of msgspec (draft 2020-12) in draft 7; what it accepts stays the same.

    - A list of fixed length says so without `prefixItems`, which draft 7 does not know.
    - Beside a reference draft 7 reads nothing, so a reference with a default becomes `allOf`.
    - TOML has no null: it is no alternative, and no default.
    - A date of TOML is no text.
    """
    converted = _converted(schema)
    if "$defs" in converted:
        converted["definitions"] = converted.pop("$defs")
    return {"$schema": DRAFT_7, **converted}


def _converted(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "string" and schema.get("format") == "date":
        others = {key: value for key, value in schema.items() if key != "type"}
        return {**others, **_DATE}
    converted = {key: _value(key, value) for key, value in schema.items() if key != "prefixItems"}
    converted.update(_fixed_list(schema))
    if converted.get("default", 0) is None:
        del converted["default"]
    if "$ref" in converted:
        reference = converted["$ref"].replace("#/$defs/", "#/definitions/")
        others = {key: value for key, value in converted.items() if key != "$ref"}
        converted = {"allOf": [{"$ref": reference}], **others} if others else {"$ref": reference}
    alternatives = converted.get("anyOf", [])
    if len(alternatives) == 1:
        del converted["anyOf"]
        only = alternatives[0]
        converted = (
            {"allOf": [only], **converted}
            if "$ref" in only and converted
            else {**only, **converted}
        )
    return converted


def _value(key: str, value: Any) -> Any:
    if key in _BY_NAME:
        return {name: _converted(part) for name, part in value.items()}
    if key in _LISTED:
        return [_converted(part) for part in value if part != _NULL]
    if key == "default" and isinstance(value, Mapping):
        return {name: part for name, part in value.items() if part is not None}
    if key in ("items", "additionalProperties") and isinstance(value, Mapping):
        return _converted(value)
    return value


def _fixed_list(schema: Mapping[str, Any]) -> dict[str, Any]:
    entries = [_converted(part) for part in schema.get("prefixItems", ())]
    if not entries:
        return {}
    if all(part == entries[0] for part in entries):
        return {"items": entries[0]}
    return {"items": entries, "additionalItems": False}
