"""Options and texts of rules that compare with a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.record.formatting import bounds_text
from pytest_detgate.rules.rule import Outcome
from pytest_detgate.scoring.bounds.resampling import Units, too_few_units

FirstRun = Annotated[
    Literal["refuse", "accept"],
    Meta(description="If no baseline is named: not evaluated, or accepted with a note."),
]


def outcome_of_first_run(
    error: NoBaselineError, first_run: str, message: str, measurements: Sequence[Measurement]
) -> Outcome:
    """Return the outcome of a rule without a baseline; `DataError` unless that is accepted.

    The `measurements` are those that make the report of this run the baseline of the next.
    """
    if first_run != "accept":
        raise DataError(
            f"{error}: name a checkpoint, detgate-baseline.json or the report.json of an earlier "
            'run with --detgate-baseline, or let the first run through with first-run = "accept"'
        )
    return Outcome(
        message=f"{message}; not compared: {error}",
        measurements=measurements,
        accepted=f'{error}, and first-run = "accept"',
    )


def outcome_of_unchanged(
    reason: str, message: str, baseline: Baseline, measurements: Sequence[Measurement]
) -> Outcome:
    """Return the outcome of a comparison of a model with itself, for a `reason` that
    `Baseline.unchanged` gives: a change of 0, and no change may be."""
    return Outcome(
        message=f"{message}; unchanged: {reason} ({baseline_label(baseline)})",
        measurements=[Measurement.at_most("change", 0, 0), *measurements],
    )


def compared_interval(interval: Interval | None, *, paired: bool) -> Interval | None:
    """Return the interval of a change, which says whether both models were drawn together."""
    if interval is None:
        return None
    method = (
        f"paired {interval.method}"
        if paired
        else f"{interval.method}, of the gated model alone: the baseline is a recorded number"
    )
    return msgspec.structs.replace(interval, method=method)


def change_bounds_text(interval: Interval | None, form: str, *, paired: bool, units: Units) -> str:
    """Return the bounds of a change as the end of a sentence, in a number format:
    `; 95% bounds -0.062 and +0.001`; where there are none, why so few units have none."""
    if interval is None:
        reason = too_few_units(units)
        return "" if reason is None else f"; {reason}"
    alone = "" if paired else ", not paired: the baseline is a recorded number"
    return bounds_text(interval, form) + alone


def baseline_label(baseline: Baseline) -> str:
    """Return how a message names the baseline."""
    return f"baseline {baseline.record.path}"
