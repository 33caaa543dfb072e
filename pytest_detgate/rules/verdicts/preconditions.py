"""Conditions before a rule is asked: an item, looks that are left, and something to look at."""

from __future__ import annotations

from pytest_detgate.gaps import ALL_GAPS, Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.looks import require_look
from pytest_detgate.rules.binding import BoundRule
from pytest_detgate.rules.rule import Rule, Target
from pytest_detgate.rules.verdicts.extent import extent_of, not_looked_at


def require_an_item(target: Target) -> None:
    """Raise for an item of a table that makes no item."""
    if target.nothing:
        raise NotLookedAtError(
            "this rule makes no item here: it finds nothing to look at",
            Extent(unit="runs", to_look_at=0, looked_at=0),
        )


def require_looks(rule: Rule, target: Target, inputs: Inputs) -> None:
    """Raise where other models have taken all looks at what an item proves something on. On a
    sealed probe each verdict tells something."""
    for name in target.detections:
        if rule.proves(target) or name in inputs.project.seals:
            require_look(inputs, name)


def extent_to_look_at(bound: BoundRule, target: Target, inputs: Inputs) -> Extent:
    """How much of its splits and probes an item can look at; a rule on none looks at one run."""
    if not target.datasets:
        return Extent(unit="runs", to_look_at=1, looked_at=1)
    seen = [
        (
            inputs.tables(name),
            inputs.detections(name) if name in target.detections else None,
        )
        for name in target.datasets
    ]
    ignored, allowed = bound.rule.ignored_gaps, bound.rule.allowed_gaps()
    spoiled = extent_of(seen, ignored | (ALL_GAPS - bound.rule.spoiling_gaps), allowed)
    if spoiled.to_look_at and not spoiled.is_complete:
        raise NotLookedAtError(not_looked_at(spoiled, target.datasets), spoiled)
    return extent_of(seen, ignored, allowed)


def require_detector(target: Target, inputs: Inputs, extent: Extent) -> None:
    """Raise where the detections of a target cannot say anything."""
    if target.detections and extent.to_look_at and not extent.looked_at:
        raise NotLookedAtError(not_looked_at(extent, target.datasets), extent)
    for name in target.detections:
        inputs.refuse_silent(name)
