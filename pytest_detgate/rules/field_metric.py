"""Bounds of the metrics of other fields."""

from __future__ import annotations

import numpy as np

from pytest_detgate.findings import Interval
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.score_rules import BootstrapOptions, interval_of
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.field_metrics import FieldMetric, Ranked


def interval_of_field_metric(
    options: BootstrapOptions,
    inputs: Inputs,
    split: str,
    metric: FieldMetric,
    detections: Ranked,
    value: float,
    *,
    by_clip: bool = False,
) -> Interval | None:
    """Return the interval of a metric for which 1 is perfect, of which `value` was measured."""

    def figure(intervals: Intervals) -> Interval:
        draws = intervals.resampling
        values = [counts.value(metric) for counts in detections.drawn(draws, by_clip=by_clip)]
        drawn = np.concatenate(values)
        if intervals.method == "percentile":
            return intervals.of_draws(drawn, (0.0, 1.0), 0)
        seen = detections.seen(draws.units)
        return seen.limit(intervals.of_draws(drawn, (0.0, 1.0), seen.units), value)

    return interval_of(options, inputs, split, figure)


def mirrored(interval: Interval | None) -> Interval | None:
    """Return the interval of 1 less a value."""
    if interval is None:
        return None
    return Interval(
        low=1 - interval.high,
        high=1 - interval.low,
        confidence=interval.confidence,
        method=interval.method,
    )
