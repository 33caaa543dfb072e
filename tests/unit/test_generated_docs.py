"""What is generated and kept in the repository is what would be generated now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.rules.documentation.config_schema import config_schema
from pytest_detgate.rules.registry import rule_classes

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["schema"], "docs/detgate.schema.json"),
        (["schema", "--report"], "docs/report.schema.json"),
        (["rules"], "docs/rules.md"),
    ],
)
def test_file_is_up_to_date(
    command: list[str], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0

    is_up_to_date = capsys.readouterr().out == (ROOT / file).read_text(encoding="utf-8")
    assert is_up_to_date, f"{file} is not what is generated now: run `make docs`"


def schema() -> dict[str, Any]:
    return config_schema(rule_classes())


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/*.toml")), ids=str)
def test_examples_fit_the_schema(path: Path) -> None:
    jsonschema.validate(msgspec.toml.decode(path.read_bytes()), schema())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[rules]",
        "[rules.box-bonds]\nmax = 1",
        "[rules.empty-gt-share]\nmim = 1",
        "[rules.empty-gt-share]\nmin = 2",
        "[rules.mean-ap]\nmin = 0.5\n[model]\nscore-treshold = 0.3",
    ],
)
def test_schema_refuses_what_the_reader_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(msgspec.toml.decode(text), schema())
