"""The JSON Schema of `detgate.toml` in the tools that editors are made of."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pytest_detgate.rules.documentation.config_schema import SCHEMA_ID, config_schema
from pytest_detgate.rules.documentation.editor_schema import draft_7
from pytest_detgate.rules.registry import rule_classes
from tests.unit.test_docs_examples import TOML

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "docs" / "schemastore"
SCHEMA = ROOT / "docs" / "detgate.schema.json"
RULE = "\n[rules.duplicate-ids]\n"


def tool(name: str) -> str:
    """A program beside this Python, or on the path; the test is skipped without it."""
    beside = str(Path(sys.executable).parent)
    result = shutil.which(name, path=beside) or shutil.which(name)
    if result is None:
        pytest.skip(f"{name} is not installed")
    return result


def lint(name: str, files: list[Path]) -> subprocess.CompletedProcess[str]:
    """Check files with one of the tools."""
    arguments = {
        "taplo": ["lint", "--schema", SCHEMA.as_uri()],
        "check-jsonschema": ["--schemafile", str(SCHEMA)],
    }[name]
    command = [tool(name), *arguments, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every `detgate.toml` of the documentation and of the examples as a file."""
    folder = tmp_path_factory.mktemp("examples")
    files = [*ROOT.glob("examples/*/detgate*.toml"), STORE / "test" / "detgate.toml"]
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, text in enumerate(TOML.findall(page.read_text(encoding="utf-8")), start=1):
            content = msgspec.toml.decode(text)
            if page.name == "own_rules.md" and "plugins" not in content:
                continue  # its rules are in a plug-in that the file does not repeat
            if "entry-points" in content.get("project", {}):
                continue  # the pyproject.toml of a package
            files.append(folder / f"{page.stem}-{number}.toml")
            # A page often shows only the tables that it is about.
            added = "" if content.keys() & {"rules", "recommended"} else RULE
            files[-1].write_text(text + added, encoding="utf-8")
    return files


@pytest.mark.source
@pytest.mark.parametrize("name", ["taplo", "check-jsonschema"])
def test_every_example_is_valid_in(name: str, examples: list[Path]) -> None:
    assert len(examples) > 30

    run = lint(name, examples)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.source
@pytest.mark.parametrize("name", ["taplo", "check-jsonschema"])
@pytest.mark.parametrize(
    "text",
    [
        "[rules.box-bonds]\nmax = 1\n",
        '[rules.clip-overlap]\nbetween = ["train"]\n',
        '[rules.clip-overlap]\nbetween = ["train", "val", "test"]\n',
        '[rules.clip-overlap]\nbetween = ["train", 5]\n',
        "[model]\nscore-treshold = 0.3\n" + RULE,
        '[[waivers]]\nitem = "a"\nreason = "b"\nowner = "c"\nuntil = 5\n' + RULE,
    ],
)
def test_mistakes_are_marked_in(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "detgate.toml"
    file.write_text(text)

    assert lint(name, [file]).returncode != 0


def test_rules_of_plugins_are_not_marked() -> None:
    schema = config_schema(rule_classes())
    own = {"plugins": ["site_rules"], "rules": {"no-fog": {"max": 3}}}

    jsonschema.Draft7Validator(schema).validate(own)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({"rules": {"no-fog": {"max": 3}}})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({**own, "rules": {"clip-overlap": {"mx": 3}}})


def test_a_date_of_toml_is_no_text() -> None:
    """As `tomllib` and `msgspec` give it, and as text."""
    schema = config_schema(rule_classes())
    waiver = 'item = "a"\nreason = "b"\nowner = "c"\nuntil = '
    head = f"{RULE}[[waivers]]\n{waiver}"

    for date in ("2027-01-31", '"2027-01-31"'):
        jsonschema.validate(msgspec.toml.decode(head + date), schema)
    for other in ("5", "true", "[2027]", "{ year = 2027 }"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(msgspec.toml.decode(head + other), schema)


def keywords(schema: Any) -> set[str]:
    """The keywords of a schema, without the names of keys that it describes."""
    if isinstance(schema, list):
        return set().union(*map(keywords, schema))
    if not isinstance(schema, Mapping):
        return set()
    result = set(schema)
    for key, value in schema.items():
        if key in ("properties", "definitions"):
            result |= set().union(*map(keywords, value.values()))
        elif key not in ("default", "enum", "const"):
            result |= keywords(value)
    return result


def test_only_keywords_of_draft_7_are_used() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    jsonschema.Draft7Validator.check_schema(schema)
    assert '"null"' not in SCHEMA.read_text(encoding="utf-8")
    assert not keywords(schema) & {"$defs", "prefixItems", "unevaluatedProperties", "$anchor"}
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_conversion_reads_keywords_and_leaves_names() -> None:
    """A key of a table may be called like a keyword."""
    table = {
        "properties": {
            "format": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "items": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}],
                      "items": False, "minItems": 2, "maxItems": 2},
            "one": {"$ref": "#/$defs/One", "default": {"a": None, "b": 1}},
        },
        "$defs": {"One": {"type": "object"}},
    }  # fmt: skip

    assert draft_7(table) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {
            "format": {"type": "string"},
            "items": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}],
                      "additionalItems": False, "minItems": 2, "maxItems": 2},
            "one": {"allOf": [{"$ref": "#/definitions/One"}], "default": {"b": 1}},
        },
        "definitions": {"One": {"type": "object"}},
    }  # fmt: skip


@pytest.mark.source
def test_the_entry_for_schemastore_fits_this_repository() -> None:
    entry = json.loads((STORE / "catalog-entry.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(config_schema(rule_classes()))

    assert entry["url"] == SCHEMA_ID
    assert entry["fileMatch"] == ["detgate.toml"]
    assert set(entry) == {"name", "description", "fileMatch", "url"}
    good, bad = (
        msgspec.toml.decode((STORE / folder / "detgate.toml").read_bytes())
        for folder in ("test", "negative_test")
    )
    assert validator.is_valid(good)
    assert not validator.is_valid(bad)
