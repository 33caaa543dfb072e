"""What Great Expectations' own models say of its expectations: their names and arguments.

    python -m tools.expectation_models > pytest_detgate/expectations/models.json

The gate checks `detgate.toml` against it when it starts, and the JSON Schema of `detgate.toml`
completes the arguments from it, both without an import of Great Expectations, which takes seconds.
A test compares the file with the version that is installed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
NOT_ARGUMENTS = frozenset(
    {
        *("id", "result_format", "catch_exceptions", "rendered_content", "windows", "batch_id"),
        *("metadata", "library_metadata"),
    }
)
COMMON = ("description", "meta", "notes", "severity")
"""Arguments that every expectation takes."""
_NOT_ON_FRAMES = frozenset({"expect_table_row_count_to_equal_other_table"})
"""Expectations whose metrics are there for data frames, and that need a second table."""
_LEFT_OUT = frozenset({"title", "examples", "multipleOf", "format"})
"""What says nothing of the values that are allowed. GX takes any `mostly` from 0 to 1."""


def models() -> dict[str, Any]:
    """Read the models of the installed version."""
    import great_expectations
    import great_expectations.expectations.core
    from great_expectations.expectations import registry

    names = sorted(registry.list_registered_expectation_implementations())
    kinds = {name: registry.get_expectation_impl(name) for name in names}
    kinds = {
        name: kind
        for name, kind in kinds.items()
        if kind.__module__.startswith("great_expectations.")
    }
    schemas = {name: json.loads(kind.schema_json()) for name, kind in kinds.items()}
    common = _resolved(next(iter(schemas.values())))
    return {
        "version": great_expectations.__version__,
        "common": {name: common[name] for name in COMMON},
        "expectations": {
            name: _model(kind, schemas[name], registry) for name, kind in kinds.items()
        },
    }


def in_lines(known: Mapping[str, Any]) -> str:
    """The models as JSON, one expectation on a line, so that a change can be read."""
    expectations = [
        f"{json.dumps(name)}: {json.dumps(model)}" for name, model in known["expectations"].items()
    ]
    head = f'"version": {json.dumps(known["version"])},\n"common": {json.dumps(known["common"])}'
    return "{\n" + head + ',\n"expectations": {\n' + ",\n".join(expectations) + "\n}\n}"


def _model(kind: Any, schema: Mapping[str, Any], registry: Any) -> dict[str, Any]:
    arguments = {
        name: value
        for name, value in _resolved(schema).items()
        if name not in NOT_ARGUMENTS and name not in COMMON
    }
    if "row_condition" in arguments:
        # Conditions are nested, and GX's models say little of what is in them. A bare object would
        # be a parameter.
        table = {"type": "object", "properties": {}}
        arguments["row_condition"] = {"anyOf": [{"type": "string"}, table]}
    about = (kind.__doc__ or "").strip().split("\n", 1)[0]
    return {
        "class": kind.__name__,
        "about": about,
        "columns": [key for key in COLUMN_KEYS if key in kind.domain_keys],
        "limits": list(kind.success_keys),
        "required": [name for name in schema.get("required", ()) if name in arguments],
        "pandas": kind.expectation_type not in _NOT_ON_FRAMES
        and all(_has_pandas(metric, registry) for metric in _metrics(kind)),
        "arguments": arguments,
    }


def _metrics(kind: Any) -> Iterator[str]:
    """The metrics that an expectation is computed from."""
    if getattr(kind, "map_metric", None):
        yield f"{kind.map_metric}.condition"
    yield from getattr(kind, "metric_dependencies", ())


def _has_pandas(metric: str, registry: Any) -> bool:
    known = registry._registered_metrics.get(metric)
    return known is None or "PandasExecutionEngine" in known["providers"]


def _resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of each property, with nothing in it that refers to another place."""
    definitions = schema.get("definitions", {})

    def resolve(part: Any, depth: int = 0) -> Any:
        if isinstance(part, list):
            return [resolve(one, depth) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            name = part["$ref"].rsplit("/", 1)[-1]
            return (
                resolve({**definitions[name], "description": None}, depth + 1) if depth < 4 else {}
            )
        kept = {
            key: {name: resolve(one, depth) for name, one in value.items()}
            if key == "properties"
            else resolve(value, depth)
            for key, value in part.items()
            if key not in _LEFT_OUT and value is not None
        }
        if list(kept.get("allOf", ())) and len(kept["allOf"]) == 1:
            (only,) = kept.pop("allOf")
            kept = {**only, **kept}
        return kept

    return {name: resolve(value) for name, value in schema["properties"].items()}


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(in_lines(models()))
