"""Tables of the keys that a JSON Schema describes, as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table",
    "null": "null",
}
CONFIG_TABLES = {
    "[project]": "ProjectTable",
    "[dataset]": "DatasetTable",
    "[dataset.splits.NAME]": "SplitTable",
    "[probes.NAME]": "ProbeTable",
    "[model]": "ModelTable",
    "[model.onnx]": "OnnxTable",
    "[train]": "TrainTable",
    "[run]": "RunTable",
    "[scoring]": "ScoringTable",
    "[cache]": "CacheTable",
    "[report]": "ReportTable",
    "[[waivers]]": "WaiverTable",
}


def config_tables(schema: Schema) -> str:
    """A section for each table of `detgate.toml`, without those of the rules."""
    definitions = schema["definitions"]
    parts = []
    for title, name in CONFIG_TABLES.items():
        parts += [f"## `{title}`", "", _paragraphs(definitions[name]), ""]
        parts += [*_rows(definitions[name]), ""]
    return "\n".join(parts)


def record_tables(schema: Schema) -> str:
    """A section for each kind of object in `report.json`: the record, then what it contains."""
    parts = ["## The record", "", _paragraphs(schema), "", *_rows(schema), ""]
    for name in _from_the_outside(schema):
        definition = schema["$defs"][name]
        parts += [f"## {name}", "", _paragraphs(definition), ""]
        parts += [*_rows(definition), ""]
    return "\n".join(parts)


def _from_the_outside(schema: Schema) -> list[str]:
    """The names of all definitions, those that the record refers to first."""
    names = list(_references(schema["properties"]))
    for name in names:
        names += [inner for inner in _references(schema["$defs"][name]) if inner not in names]
    return names


def _references(part: Any) -> list[str]:
    """The definitions that a part of a schema refers to, each once."""
    found = re.findall(r'"#/\$defs/(\w+)"', json.dumps(part))
    return list(dict.fromkeys(found))


def _paragraphs(schema: Schema) -> str:
    text: str = schema.get("description", "")
    return text


def _rows(schema: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    described = any(_description(entry) for entry in schema["properties"].values())
    yield "| key | takes | default |" + (" meaning |" if described else "")
    yield "| --- | --- | --- |" + (" --- |" if described else "")
    for key, entry in schema["properties"].items():
        cells = [f"`{key}`", _takes(entry), _default(entry, required=key in required)]
        cells += [_description(entry)] if described else []
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _alternatives(entry: Schema) -> Sequence[Schema]:
    """What an entry may be; null is not listed where there is something else."""
    alternatives: Sequence[Schema] = entry.get("anyOf", [entry])
    return [one for one in alternatives if one.get("type") != "null"] or alternatives


def _takes(entry: Schema) -> str:
    return " or ".join(_takes_one(one) for one in _alternatives(entry))


def _takes_one(entry: Schema) -> str:
    if "anyOf" in entry:
        return _takes(entry)
    if "allOf" in entry:
        return _takes_one(entry["allOf"][0])
    if "$ref" in entry:
        return _reference(entry["$ref"].rpartition("/")[2])
    if "const" in entry:
        return f"`{json.dumps(entry['const'])}`"
    if "enum" in entry:
        values = [f"`{json.dumps(value)}`" for value in entry["enum"]]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    if entry.get("type") == "array":
        return _list(entry)
    if entry.get("type") == "object" and isinstance(entry.get("additionalProperties"), Mapping):
        return f"a table, each value {_takes(entry['additionalProperties'])}"
    if entry.get("format") == "date":
        return "a date"
    return _TYPES[entry["type"]] + _bounds(entry) if "type" in entry else "anything"


def _reference(name: str) -> str:
    """A link to the section of a kind of object."""
    for title, table in CONFIG_TABLES.items():
        if table == name:
            return f"the table `{title}`"
    return "`{ path, may-be-missing }`" if name == "BaselineTable" else f"[{name}](#{name.lower()})"


def _list(entry: Schema) -> str:
    fixed = entry.get("prefixItems")
    if fixed:
        return f"a list of {len(fixed)}, each {_takes(fixed[0])}"
    if "items" in entry and entry.get("minItems", 0) == entry.get("maxItems"):
        return f"a list of {entry['maxItems']}, each {_takes(entry['items'])}"
    return f"a list, each entry {_takes(entry['items'])}" if entry.get("items") else "a list"


def _bounds(entry: Schema) -> str:
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
    }
    bounds = [f"{sign} {entry[key]:,}" for key, sign in signs.items() if key in entry]
    return " " + ", ".join(bounds) if bounds else ""


def _default(entry: Schema, *, required: bool) -> str:
    if required:
        return "required"
    default = entry.get("default")
    if default is None or isinstance(default, Mapping):
        return ""
    return f"`{json.dumps(default)}`"


def _description(entry: Schema) -> str:
    own = entry.get("description")
    inner = (one.get("description", "") for one in entry.get("anyOf", ()))
    text = own or next(filter(None, inner), "")
    return " ".join(text.split())
