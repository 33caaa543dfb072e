"""Paths that any option of `detgate.toml` names are redacted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.config.load import decode_configuration
from pytest_detgate.inputs.privacy import redaction_of
from pytest_detgate.inputs.project import Project

CONFIG = """
[dataset.splits.val]
annotations = "data/val.json"
events = "away/acme corp/events.csv"
[rules.expectations]
suite = "away/acme corp/suite"
[rules.class-balance]
classes = { "helmet/on" = 5 }
max-ratio = 3
[report]
redact = ["paths"]
"""


@pytest.mark.parametrize("name", ["events.csv", "suite"])
def test_paths_of_any_table_lose_their_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "away/acme corp").mkdir(parents=True)
    configuration = decode_configuration(CONFIG.encode(), tmp_path / "detgate.toml")

    redaction = redaction_of(Project(configuration, tmp_path))

    assert redaction.text(f"cannot read away/acme corp/{name}: no") == f"cannot read …/{name}: no"
    assert redaction.text("class helmet/on has 5 boxes") == "class helmet/on has 5 boxes"
