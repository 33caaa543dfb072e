"""What the limits of a fall from a baseline ask of evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_detgate.record.formatting import number
from pytest_detgate.rules.metrics.score_rules import BootstrapOptions, confidence_of
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.regression.ap_noise import DEFAULT

if TYPE_CHECKING:
    from pytest_detgate.inputs.inputs import Inputs


def planned_of_change(
    options: BootstrapOptions,
    split: str,
    max_drop: float | None,
    min_p_value: float | None,
    inputs: Inputs,
) -> Iterator[PlannedLimit]:
    """The limits of a fall on a split: of clips without any difference, and of a p-value."""
    confidence = confidence_of(options, inputs.project)
    if max_drop is not None:
        noise = getattr(options, "noise", None)
        limit = max_drop + (DEFAULT if noise is None else noise)
        text = f"a fall of at most {number(limit)}, noise and all"
        yield _fall(text, split, limit, confidence, by_bound=options.bound != "point")
    if min_p_value is not None:
        yield planned_p_value(split, min_p_value)


def planned_p_value(dataset: str, min_p_value: float) -> PlannedLimit:
    """The limit of a p-value over the clips of a split or probe."""
    # 0.5^G must be below it, or no fall could ever fail.
    least = math.floor(-math.log2(min_p_value)) + 1
    text = f"a p-value under {number(min_p_value)}"
    return _fall(text, dataset, 0.0, 1 - min_p_value, by_bound=True, least_units=least)


def _fall(
    text: str,
    split: str,
    limit: float,
    confidence: float,
    *,
    by_bound: bool,
    least_units: int = 0,
) -> PlannedLimit:
    return PlannedLimit(
        text=text,
        dataset=split,
        kind="fall",
        limit=limit,
        confidence=confidence,
        by_bound=by_bound,
        flawless="the same AP on" if not least_units else "",
        has_power=False,
        least_units=least_units,
    )
