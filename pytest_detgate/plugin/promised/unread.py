"""What the command line names is used or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_detgate.plugin.promised.items import Selection
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.rules.binding import BoundRule
    from pytest_detgate.rules.rule import Target

SWEEP_RULE = "checkpoint-choice"
"""The rule that evaluates the checkpoints of a sweep."""


def refuse_unread(gate: GateSession, selection: Selection) -> None:
    """Raise `pytest.UsageError` for a checkpoint, baseline, sweep or result file on the command
    line that no selected rule or test reads, whether or not it exists."""
    options, selected = gate.options, list(_selected(gate, selection))
    needing = [(bound, target) for bound, target in selected if _needs_model(bound, target)]
    unread: list[str] = []
    if options.checkpoint is not None and not needing and not selection.reading:
        unread.append("--detgate-ckpt")
    if options.predictions and not selection.reading:
        named = {name for _, target in needing for name in target.detections or target.datasets}
        # The file of a split serves its parts that have none.
        named |= {
            probe.split
            for name, probe in gate.project.tables.probes.items()
            if name in named and name not in options.predictions and probe.split is not None
        }
        # What a model finds on the split that it is evaluated on tells whether it works at all.
        named |= {gate.project.evaluate_on} if needing else set()
        unread += [
            f"--detgate-predictions {name}" for name in options.predictions if name not in named
        ]
    if options.baseline is not None and not any(bound.rule.compares for bound, _ in selected):
        unread.append("--detgate-baseline")
    if options.sweep is not None and not any(b.rule.code == SWEEP_RULE for b, _ in selected):
        unread.append("--detgate-sweep")
    if unread:
        total, left_out = len(gate.rule_names), len(selection.not_selected)
        of = f" ({left_out:,} of {total:,} rules are not selected)" if left_out else ""
        raise pytest.UsageError(
            f"{', '.join(unread)}: no selected rule reads it{of}; leave it out, or select a rule "
            "that reads it"
        )


def _selected(gate: GateSession, selection: Selection) -> Iterator[tuple[BoundRule, Target]]:
    left_out = set(selection.not_selected)
    for bound in gate.rules:
        for target in bound.targets:
            if bound.item_name(target) not in left_out:
                yield bound, target


def _needs_model(bound: BoundRule, target: Target) -> bool:
    return bool(target.detections) or (target.family or bound.rule.family) == "model"
