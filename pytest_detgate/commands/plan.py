"""`plan`: how much evidence each rule of a `detgate.toml` needs, before any model exists."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import named_values
from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    plan = commands.add_parser(
        "plan",
        help="say how much evidence each rule needs",
        description="Say for each rule of a detgate.toml how many frames, clips and hours show its "
        "limits, how many are new, and the chance that a model of a stated true rate passes. It "
        "needs no model. With the detections of one, clips are planned as alike as they were seen.",
    )
    plan.add_argument(
        "items",
        nargs="*",
        metavar="ITEM",
        help="rules or items, such as recall[worker] (default: all)",
    )
    plan.add_argument(
        "--config",
        type=Path,
        default=Path("detgate.toml"),
        metavar="PATH",
        help="default: %(default)s",
    )
    plan.add_argument(
        "--power",
        type=float,
        default=0.8,
        metavar="P",
        help="the chance with which a good model should pass (default: %(default)s)",
    )
    plan.add_argument(
        "--true",
        type=float,
        action="append",
        default=[],
        metavar="RATE",
        help="true rate, or true recall, of a model that should pass; may be repeated (default: "
        "0.5, 0.2 and 0.1 of what the limit allows)",
    )
    plan.add_argument(
        "--correlation",
        type=float,
        metavar="R",
        help="how alike two frames of a clip are, from 0 to 1 (default: as seen, else 1)",
    )
    plan.add_argument(
        "--clip-frames", type=int, metavar="N", help="frames of a clip (default: as in the data)"
    )
    plan.add_argument(
        "--tries",
        type=int,
        metavar="N",
        help="models that will be judged on the same data (default: looks of [evidence], else 20)",
    )
    plan.add_argument(
        "--predictions",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="result file of a split or probe, which tells how alike clips are; may be repeated",
    )
    plan.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Print the plan."""
    from pytest_detgate.planning.plan import Request, plan_text

    _check(chosen)
    print(
        plan_text(
            Request(
                config=chosen.config,
                items=chosen.items,
                power=chosen.power,
                rates=chosen.true,
                correlation=chosen.correlation,
                clip_frames=chosen.clip_frames,
                tries=chosen.tries,
                predictions=_files(chosen.predictions),
            )
        )
    )


def _check(chosen: argparse.Namespace) -> None:
    from pytest_detgate.config.tables.evidence_table import MOST_LOOKS

    if not 0 < chosen.power < 1:
        raise ConfigError(f"--power: expected a number between 0 and 1, found {chosen.power:g}")
    for rate in chosen.true:
        if not 0 <= rate < float("inf"):
            raise ConfigError(f"--true: expected 0 or more, found {rate:g}")
    if chosen.correlation is not None and not 0 <= chosen.correlation <= 1:
        raise ConfigError(f"--correlation: expected 0 to 1, found {chosen.correlation:g}")
    if chosen.clip_frames is not None and chosen.clip_frames < 1:
        raise ConfigError(f"--clip-frames: expected 1 or more, found {chosen.clip_frames}")
    if chosen.tries is not None and not 1 <= chosen.tries <= MOST_LOOKS:
        raise ConfigError(f"--tries: expected 1 to {MOST_LOOKS:,}, found {chosen.tries}")


def _files(texts: list[str]) -> dict[str, Path]:
    named = named_values("--predictions", texts, "NAME=FILE")
    return {name: Path(file) for name, file in named.items()}
