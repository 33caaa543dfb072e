"""The limits of an outcome: which are broken, and whether one of them could be."""

from __future__ import annotations

from pytest_detgate.errors import DetgateError
from pytest_detgate.findings import can_break
from pytest_detgate.rules.binding import BoundRule
from pytest_detgate.rules.rule import Outcome


def broken_limits(outcome: Outcome) -> list[str]:
    """The names of the measurements whose limits are broken; raises `DetgateError` where nothing
    was compared with a limit and none is missing."""
    judged = [measured for measured in outcome.measurements if measured.passed is not None]
    if not (judged or outcome.missing):
        raise DetgateError("the rule compared no value with a limit, so it shows nothing")
    return [measured.name for measured in judged if not measured.passed]


def can_block(bound: BoundRule, outcome: Outcome) -> bool:
    """Whether other values would have failed the run."""
    measured = outcome.measurements
    return (
        outcome.accepted is None
        and bound.rule.can_block()
        and any(
            can_break(measurement, measured)
            for measurement in measured
            if measurement.name not in outcome.warns
        )
    )
