"""`--detgate-update`: limits of `detgate.toml` moved to what the run measured."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.config.editing import decoded, with_numbers
from pytest_detgate.errors import ConfigError
from pytest_detgate.record.formatting import counted
from pytest_detgate.regular_file import read_regular
from pytest_detgate.rules.ratchet import ratchet

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.record.report import RuleResult

_CI = ("CI", "BUILD_NUMBER")
"""Variables by which pytest, too, recognises a build server."""
_FALSE = ("", "0", "false")


@dataclass(slots=True)
class Update:
    """What became of the limits: the diff, and sentences about it."""

    diff: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def update_limits(gate: GateSession, results: Mapping[str, RuleResult], *, away: bool) -> Update:
    """Move the limits in the file of a gate and write it, unless this is a build server."""
    path, name = gate.options.config, gate.options.config.name
    content = read_regular(path)
    if hashlib.sha256(content).hexdigest() != gate.project.configuration.sha256:
        return Update(notes=[f"{name} changed during the run, so no limit was moved"])
    outcome = ratchet(gate.rules, results, decoded(content), away=away)
    update = Update(notes=outcome.notes)
    if not outcome.moves:
        update.notes.append("no limit of detgate.toml moves")
        return update
    try:
        new = with_numbers(content, {move.path: move.new for move in outcome.moves})
    except ConfigError as error:
        moves = ", ".join(f"{'.'.join(map(str, move.path))} = {move.new}" for move in outcome.moves)
        update.notes.append(f"{name} was not updated: {error}. Set by hand: {moves}")
        return update
    update.diff = [
        line.rstrip("\r\n")
        for line in difflib.unified_diff(
            content.decode("utf-8-sig").splitlines(),
            new.decode("utf-8-sig").splitlines(),
            fromfile=name,
            tofile=name,
            lineterm="",
            n=1,
        )
    ]
    variable = next((name for name in _CI if os.environ.get(name, "").lower() not in _FALSE), None)
    if variable is not None:
        update.notes.append(
            f"not written, because this is a build server ({variable} is set): run it yourself, "
            "look at the diff, and commit"
        )
        return update
    write_whole(path, new)
    moved = counted(len(outcome.moves), "limit")
    update.notes.append(
        f"{name} was written: {moved} moved to what was measured, without a margin. Comments stay, "
        "also those with an older value. The next run is judged by the new limits"
    )
    return update
