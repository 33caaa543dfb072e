"""What is lacking to show the limit of a metric of ground truth: AP, AR, recall, miss rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import limit_words, number
from pytest_detgate.rules.metrics.score_rules import BootstrapOptions, confidence_of, interval_of
from pytest_detgate.rules.needs import Claim, few_units_text, needs_text
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import too_few_units
from pytest_detgate.scoring.matching import Matches

FLAWLESS = "everything found on"


def needs_of_metric(
    rule: BootstrapOptions,
    inputs: Inputs,
    split: str,
    measured: Measurement,
    value_of: Callable[[Intervals], Interval],
    matches: Matches,
    *,
    what: str,
    category: int | None = None,
    images: NDArray[np.bool_] | None = None,
) -> str | None:
    """Say how many clips, or images, would show the limit of a metric that was measured; None where
    nothing is lacking or the value itself is beyond its limit.

    `value_of` computes its bounds, `what` names it: `recall of worker`. It is one of a class of the
    `matches`, or of all, on some of the images, (images,), or on all.
    """
    if measured.limit is None:
        return None
    is_floor = measured.relation == ">="
    if measured.value < measured.limit if is_floor else measured.value > measured.limit:
        return None
    units = inputs.units(split)
    units = units if images is None else units.only(images)
    claimed = f"{what} of {limit_words(measured, number(measured.limit))}"
    if too_few_units(units):
        confidence = confidence_of(rule, inputs.project)
        return few_units_text(measured, units, claimed, confidence, FLAWLESS)
    if inputs.project.tables.scoring.interval == "percentile" or measured.interval is None:
        return None

    def bound_at(times: float) -> float:
        interval = interval_of(rule, inputs, split, value_of, images, copies=times)
        if interval is None:
            return measured.value
        return interval.low if is_floor else interval.high

    columns = matches.candidates.columns
    counts = ~matches.gt_ignored
    if category is not None:
        counts = counts & (columns.gt_category == category)
    unit = units.of_image[columns.gt_image[counts]]
    holding = len(np.unique(unit[unit >= 0]))
    of_class = "" if category is None else f" with {columns.classes[category]}"
    claim = Claim.by_bound(measured, claimed, bound_at)
    return needs_text([claim], holding, units.kind, FLAWLESS, of_class)
