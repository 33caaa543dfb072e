"""`cache`: what is kept between runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    cache = commands.add_parser(
        "cache", help="show or clear what is kept between runs: detections, hashes, tables"
    )
    cache.add_argument("action", choices=("show", "clear"), nargs="?", default="show")
    cache.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of the store (default: .pytest_cache/d/detgate here)",
    )
    only = cache.add_mutually_exclusive_group()
    only.add_argument(
        "--model",
        metavar="TEXT",
        help="clear only the detections of models whose path holds this, or whose key begins so",
    )
    only.add_argument(
        "--unused-days", type=float, metavar="N", help="clear only what was not used for N days"
    )
    cache.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Show or clear it."""
    from pytest_detgate.gate.cache_command import DEFAULT_STORE, clear_cache, show_cache

    store = chosen.store or DEFAULT_STORE
    if chosen.action == "show":
        if chosen.model is not None or chosen.unused_days is not None:
            raise ConfigError("cache show: --model and --unused-days go with clear")
        print(show_cache(store))
    else:
        print(clear_cache(store, model=chosen.model, unused_days=chosen.unused_days))
