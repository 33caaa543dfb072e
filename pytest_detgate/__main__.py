"""`python -m pytest_detgate`: what is not a test run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pytest_detgate.errors import DetgateError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a user's mistake gives one line and exit code 4."""
    parser = argparse.ArgumentParser(prog="python -m pytest_detgate")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    schema = commands.add_parser("schema", help="print the JSON Schema of detgate.toml")
    schema.set_defaults(run=_schema)
    rules = commands.add_parser("rules", help="print the reference of all rules as Markdown")
    rules.set_defaults(run=_rules)
    report = commands.add_parser("report", help="render the page of an earlier report.json")
    report.add_argument("record", type=Path, metavar="REPORT.json")
    report.add_argument("-o", "--output", type=Path, metavar="PAGE.html")
    report.add_argument(
        "--root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder that the paths in the record are relative to (default: here)",
    )
    report.set_defaults(run=_report)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except DetgateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


def _schema(chosen: argparse.Namespace) -> None:
    from pytest_detgate.gate.json_schema import config_schema
    from pytest_detgate.gate.registry import rule_classes

    print(json.dumps(config_schema(rule_classes()), indent=2))


def _rules(chosen: argparse.Namespace) -> None:
    from pytest_detgate.gate.registry import rule_classes
    from pytest_detgate.gate.rule_reference import rules_reference

    print(rules_reference(rule_classes()), end="")


def _report(chosen: argparse.Namespace) -> None:
    from pytest_detgate.audit.page import write_page
    from pytest_detgate.audit.record import read_report

    page = chosen.output or chosen.record.with_name("index.html")
    write_page(read_report(chosen.record), chosen.root, page)
    print(page)


if __name__ == "__main__":
    sys.exit(main())
