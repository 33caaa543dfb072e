"""Arguments that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add_finished_run(parser: argparse.ArgumentParser) -> None:
    """Declare the folder of a run that is finished, and the configuration beside which a command
    writes."""
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("detgate-report"),
        metavar="DIR",
        help="folder of the run's report.json (default: %(default)s)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="PATH", help="the detgate.toml, if it is not the default one"
    )


def named_values(option: str, texts: Sequence[str], form: str) -> dict[str, str]:
    """Split arguments of the form `NAME=VALUE`; `ConfigError` where a part is missing, or where a
    name is given twice: one of the two would have no effect."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"{option}: expected {form}, found {text!r}")
        if name in values:
            raise ConfigError(f"{option}: {name!r} is given twice")
        values[name] = value
    return values
