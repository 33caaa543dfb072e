"""`publish`: the record of a run to a registry."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import named_values
from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    publish = commands.add_parser(
        "publish",
        help="publish a record to MLflow or Weights & Biases, or as a model card",
        description="Publish the record of a run to a registry: mlflow, wandb, huggingface, or one "
        "that an installed package registers. Nothing is sent over the network without --online.",
    )
    publish.add_argument("record", type=Path, metavar="REPORT.json")
    publish.add_argument("--to", required=True, metavar="REGISTRY", help="the registry")
    publish.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the registry; may be repeated",
    )
    publish.add_argument(
        "--online", action="store_true", help="the registry may send the record over the network"
    )
    publish.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Publish the record and print what was done. Return 1 where an alias was not set."""
    from pytest_detgate.publishing.registries.approval import ApprovalError
    from pytest_detgate.publishing.registries.registry import Publication, registry
    from pytest_detgate.record.report_file import read_report

    target = registry(chosen.to)
    options = _options(chosen.option, chosen.to, list(target.options))
    publication = Publication(
        report=read_report(chosen.record),
        record=chosen.record,
        options=options,
        online=chosen.online,
    )
    try:
        lines = target.publish(publication)
    except ApprovalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _options(texts: list[str], name: str, known: list[str]) -> dict[str, str]:
    from pytest_detgate.config.wording import unknown

    options = named_values("--option", texts, "KEY=VALUE")
    for key in options:
        if key not in known:
            raise ConfigError(f"--option: {name}: {unknown('option', key, known)}")
    return options
