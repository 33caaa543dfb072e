"""Command `cache`: show or clear what is cached between runs."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.parser import CommandParser
from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    where = CommandParser(add_help=False, argument_default=argparse.SUPPRESS)
    where.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of the cache (default: that of the project in this folder)",
    )
    text = "show or clear what is cached between runs: detections, hashes, tables"
    cache = commands.add_parser(
        "cache", help=text, description=f"{text.capitalize()}.", parents=[where]
    )
    cache.set_defaults(run=show)
    actions = cache.add_subparsers(metavar="ACTION")
    showing = actions.add_parser("show", help="show the contents (default)", parents=[where])
    showing.set_defaults(run=show)
    clearing = actions.add_parser("clear", help="drop everything, or a part", parents=[where])
    which = clearing.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        metavar="TEXT",
        help="only detections of models whose path contains this, or whose digest starts with it",
    )
    which.add_argument(
        "--unused-days", type=_days, metavar="N", help="only entries that were not used for N days"
    )
    clearing.set_defaults(run=clear)
    pruning = actions.add_parser(
        "prune", help="drop entries beyond the limits, as a gate does at its end", parents=[where]
    )
    limit = "(default: from [cache] in detgate.toml)"
    pruning.add_argument("--max-megabytes", type=_positive, metavar="N", help=limit)
    pruning.add_argument("--keep-days", type=_positive, metavar="N", help=limit)
    pruning.set_defaults(run=prune)


def show(chosen: argparse.Namespace) -> None:
    """Print the contents."""
    from pytest_detgate.commands import cache_maintenance

    print(cache_maintenance.show(_cache_dir(chosen)))


def clear(chosen: argparse.Namespace) -> None:
    """Drop everything, the detections of one model, or entries that are no longer used."""
    from pytest_detgate.commands import cache_maintenance

    if chosen.model is not None:
        print(cache_maintenance.clear_model(_cache_dir(chosen), chosen.model))
    elif chosen.unused_days is not None:
        print(cache_maintenance.clear_unused(_cache_dir(chosen), chosen.unused_days))
    else:
        print(cache_maintenance.clear(_cache_dir(chosen)))


def prune(chosen: argparse.Namespace) -> None:
    """Drop entries beyond the limits."""
    from pytest_detgate.commands.cache_maintenance import prune_now
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.config.tables.run_tables import CacheTable
    from pytest_detgate.plugin.folders import project_paths

    limits = CacheTable()
    if "store" not in chosen and (config := project_paths().config).exists():
        limits = load_configuration(config).tables.cache
    limits = CacheTable(
        max_megabytes=chosen.max_megabytes or limits.max_megabytes,
        keep_days=chosen.keep_days or limits.keep_days,
    )
    print(prune_now(_cache_dir(chosen), limits))


def _cache_dir(chosen: argparse.Namespace) -> Path:
    from pytest_detgate.plugin.folders import project_paths

    given: Path | None = getattr(chosen, "store", None)
    if given is None:
        return project_paths().cache
    if not given.is_dir():
        raise ConfigError(f"--store {given}: no such folder")
    return given


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number ≥ 1, found {text!r}")
    return int(text)


def _days(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= number_of(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number of days ≥ 0, found {text!r}")
