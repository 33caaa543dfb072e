"""What is lacking to show the limits of a change from a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import limit_words, number
from pytest_detgate.rules.metrics.score_rules import BootstrapOptions, interval_of
from pytest_detgate.rules.needs import Claim, needs_text
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import too_few_units
from pytest_detgate.scoring.comparison.false_box_change import Draws, FalseBoxChange

Bounded = tuple[Measurement, Callable[[Intervals], Interval]]
"""A change, and what computes its bounds by any intervals."""


def needs_of_change(
    options: BootstrapOptions, inputs: Inputs, name: str, changes: Iterable[Bounded]
) -> str | None:
    """Say how many clips, or images, of a split or probe would show the limits of changes; None
    where nothing is lacking or a change itself is beyond its limit."""
    judged = [
        change
        for change in changes
        if change[0].limit is not None and change[0].interval is not None
    ]
    units = inputs.units(name)
    if inputs.project.tables.scoring.interval == "percentile" or too_few_units(units):
        return None
    claims = [
        Claim.by_bound(
            measured,
            f"that the {measured.name.partition('[')[0].replace('_', ' ')} is "
            f"{limit_words(measured, number(measured.limit or 0))}",
            _bound_at(options, inputs, name, measured, value_of),
        )
        for measured, value_of in judged
    ]
    return needs_text(claims, units.count, units.kind, "the same on")


def needs_of_false_boxes(
    options: BootstrapOptions,
    inputs: Inputs,
    probe: str,
    changes: Iterable[Measurement],
    drawn: FalseBoxChange,
) -> str | None:
    """The same for the changes of the false boxes on a probe."""
    share = 1 / drawn.before if drawn.before else 0.0
    values: dict[str, tuple[Draws, float]] = {
        "change": (FalseBoxChange.change, 1.0),
        "growth": (FalseBoxChange.growth, share),
        "reduction": (FalseBoxChange.reduction, -share),
    }

    def bounded(measured: Measurement) -> Bounded:
        value_of, factor = values[measured.name]
        return measured, lambda intervals: drawn.interval(value_of, factor, intervals)

    known = [bounded(measured) for measured in changes if measured.name in values]
    return needs_of_change(options, inputs, probe, known)


def _bound_at(
    options: BootstrapOptions,
    inputs: Inputs,
    name: str,
    measured: Measurement,
    value_of: Callable[[Intervals], Interval],
) -> Callable[[float], float]:
    def bound_at(times: float) -> float:
        interval = interval_of(options, inputs, name, value_of, copies=times)
        if interval is None:
            return float(measured.value)
        return interval.high if measured.relation == "<=" else interval.low

    return bound_at
