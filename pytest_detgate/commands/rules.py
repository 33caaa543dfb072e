"""`rules`: the reference of all rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    rules = commands.add_parser(
        "rules",
        help="print the reference of all rules as Markdown",
        description="Print the reference of all rules as Markdown: what each checks, why, how to "
        "fix it, and its options.",
    )
    rules.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print the reference."""
    from pytest_detgate.rules.documentation.reference import rules_reference
    from pytest_detgate.rules.registry import rule_classes

    print(rules_reference(rule_classes()), end="")
