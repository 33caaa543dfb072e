"""What a user asks for on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.campaign.oracle.options import PLAIN_OPTIONS, VALUE_OPTIONS
from tests.campaign.oracle.reading import NotLookedAtError


@dataclass
class Command:
    """The choice of items, and the result files by split or probe."""

    config: str = "detgate.toml"
    keywords: str = ""
    markers: str = ""
    deselected: list[str] = field(default_factory=list)
    node_ids: list[str] = field(default_factory=list)
    predictions: dict[str, list[str]] = field(default_factory=dict)
    baseline: str | None = None
    checkpoint: str | None = None
    sweep: str | None = None
    stops_early: bool = False
    repeats_failed: bool = False
    collects_only: bool = False

    def selects(self, item: str, family: str) -> bool:
        """Whether the user's own choice lets an item run; its family is `data`, `training` or
        `model`."""
        node_id = f"{self.config}::{item}"
        if any(node_id.startswith(prefix) for prefix in self.deselected):
            return False
        if self.node_ids and node_id not in self.node_ids:
            return False
        if self.markers in ("detgate_data", "detgate_model"):
            return self.markers == f"detgate_{family}"
        keyword = self.keywords.removeprefix("not ")
        if self.keywords.startswith("not "):
            return keyword not in node_id
        return keyword.lower() in node_id.lower()

    @property
    def chooses(self) -> bool:
        """Whether the user leaves items out."""
        return bool(self.keywords or self.markers or self.deselected or self.node_ids)


def read_command(arguments: list[str]) -> Command:
    """Read the arguments; an option that there is not is refused."""
    command = Command()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, has_value, value = argument.partition("=")
        if argument in PLAIN_OPTIONS:
            command.stops_early |= argument in ("-x", "--exitfirst")
            command.repeats_failed |= argument == "--lf"
            command.collects_only |= argument == "--collect-only"
        elif name in VALUE_OPTIONS:
            if not has_value or not argument.startswith("--"):
                if not rest:
                    raise NotLookedAtError(f"{argument} has no value")
                value = rest.pop(0)
            _take(command, name, value)
        elif argument.startswith("-"):
            raise NotLookedAtError(f"no option {argument}")
        elif "::" in argument:
            command.node_ids.append(argument)
        elif argument not in ("detgate.toml", ".", "./detgate.toml", "test_hand.py"):
            raise NotLookedAtError(f"no file {argument}")
    return command


def _take(command: Command, name: str, value: str) -> None:
    match name:
        case "--detgate-predictions":
            part, has_file, path = value.partition("=")
            if not has_file:
                raise NotLookedAtError(f"--detgate-predictions={value} names no file")
            command.predictions.setdefault(part, []).append(path)
        case "-k":
            command.keywords = value
        case "-m":
            command.markers = value
        case "--deselect":
            command.deselected.append(value)
        case "--detgate-config":
            command.config = value
        case "--detgate-baseline":
            command.baseline = value
        case "--detgate-ckpt":
            command.checkpoint = value
        case "--detgate-sweep":
            command.sweep = value
        case "--maxfail":
            command.stops_early = True
