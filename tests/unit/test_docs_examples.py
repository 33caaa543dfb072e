"""Every `detgate.toml` that a page shows is one that the gate accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pytest_detgate.rules.documentation.config_schema import config_schema
from pytest_detgate.rules.registry import rule_classes

ROOT = Path(__file__).resolve().parents[2]
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_BY_OTHER_TESTS = ("own_rules.md", "own_detectors.md", "gate_onnx.md")


def examples() -> Iterator[Any]:
    """Each block of TOML with its page and its number there."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if page.name in RUN_BY_OTHER_TESTS:
            continue
        for number, text in enumerate(TOML.findall(page.read_text(encoding="utf-8")), start=1):
            yield pytest.param(text, id=f"{page.stem}-{number}")


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft7Validator(config_schema(rule_classes()))


@pytest.mark.parametrize("text", list(examples()))
def test_example_fits_the_schema(text: str, validator: Any) -> None:
    content = msgspec.toml.decode(text)
    # A page often shows only the tables that it is about, and rules of a plug-in have no schema.
    parts = {**content, "rules": {**content.get("rules", {}), "duplicate-ids": {}}}

    validator.validate(msgspec.to_builtins(parts))


CONSOLE = re.compile(r"^```(?:console|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.stem
)
def test_output_fits_a_terminal(page: Path) -> None:
    """A terminal of 80 columns cuts or wraps what is longer; commands may be longer."""
    lines = "".join(CONSOLE.findall(page.read_text(encoding="utf-8"))).splitlines()

    assert [line for line in lines if len(line) > 80 and not line.startswith("$ ")] == []
