"""What the command line names is used or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_detgate.counts import counted_of
from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.record.same_reason import items_text

if TYPE_CHECKING:
    from pytest_detgate.plugin.promised.choice import Choice
    from pytest_detgate.plugin.promised.items import Selection
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.rules.binding import BoundRule
    from pytest_detgate.rules.rule import Target

SWEEP_RULE = "checkpoint-choice"
"""The rule that evaluates the checkpoints of a sweep."""


def refuse_unread(gate: GateSession, selection: Selection, choice: Choice) -> None:
    """Raise `pytest.UsageError` for a checkpoint, baseline, sweep or result file on the command
    line that no selected rule or test reads, whether or not it exists."""
    left_out = set(selection.not_selected)
    items = [_Item(bound, target) for bound in gate.rules for target in bound.targets]
    unread: list[str] = []
    readers: dict[str, _Item] = {}
    for option, reads in _given(gate, selection):
        reading = [item for item in items if reads(item)]
        if all(item.name in left_out for item in reading):
            unread.append(option)
            readers |= {item.name: item for item in reading}
    if unread:
        raise usage_error(f"{', '.join(unread)}: {_why(gate, left_out, readers, choice)}")


@dataclass(frozen=True, slots=True)
class _Item:
    bound: BoundRule
    target: Target

    @property
    def name(self) -> str:
        return self.bound.item_name(self.target)

    @property
    def code(self) -> str:
        return self.bound.rule.code

    @property
    def needs_model(self) -> bool:
        family = self.target.family or self.bound.rule.family
        return bool(self.target.detections) or family == "model"

    @property
    def compares(self) -> bool:
        return self.bound.rule.compares


def _given(
    gate: GateSession, selection: Selection
) -> Iterator[tuple[str, Callable[[_Item], bool]]]:
    """What the command line names, with the question whether an item reads it. What tests that were
    written by hand ask for is not known."""
    options = gate.options
    if options.checkpoint is not None and not selection.reading:
        yield "--detgate-ckpt", lambda item: item.needs_model
    for name in () if selection.reading else options.predictions:
        yield f"--detgate-predictions {name}", partial(_reads_file, gate, name)
    if options.baseline is not None:
        yield "--detgate-baseline", lambda item: item.compares
    if options.sweep is not None:
        yield "--detgate-sweep", lambda item: item.code == SWEEP_RULE


def _reads_file(gate: GateSession, name: str, item: _Item) -> bool:
    """Whether an item reads the result file of a split or probe."""
    # What a model finds on the split that it is evaluated on tells whether it works at all.
    if not item.needs_model or name == gate.project.evaluate_on:
        return item.needs_model
    named = set(item.target.detections or item.target.datasets)
    # The file of a split serves its parts that have none.
    probes = gate.project.tables.probes
    parts = {probe for probe in named & probes.keys() if probe not in gate.options.predictions}
    return name in named | {probes[part].split for part in parts}


def _why(
    gate: GateSession, left_out: set[str], readers: Mapping[str, _Item], choice: Choice
) -> str:
    """Say that nothing reads it, what would, and what leaves that out."""
    unselected = f"{counted_of(len(left_out), len(gate.rule_names), 'rule', 'are')} not selected"
    if not readers:
        of = f" ({unselected})" if left_out else ""
        return f"no selected rule reads it{of}; leave it out, or add a rule that reads it"
    by = f" by {choice.in_words}" if choice.in_words else ""
    first = f"no selected rule reads it ({unselected}{by}). "
    names = items_text([(item.code, item.name) for item in readers.values()])
    return f"{first}It is read by {names}. Select one of them, or leave the option out"
