"""`schema`: the JSON Schema of `detgate.toml`, or of `report.json`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of detgate.toml, or of report.json",
        description="Print the JSON Schema of detgate.toml.",
    )
    schema.add_argument(
        "--report", action="store_true", help="print the schema of report.json instead"
    )
    schema.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print the schema."""
    print(json.dumps(_report() if chosen.report else _config(), indent=2))


def _config() -> dict[str, object]:
    from pytest_detgate.rules.documentation.config_schema import config_schema
    from pytest_detgate.rules.registry import rule_classes

    return config_schema(rule_classes())


def _report() -> dict[str, object]:
    from pytest_detgate.record.report_schema import record_schema

    return record_schema()
