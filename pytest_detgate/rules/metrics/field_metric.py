"""Bounds of the metrics of other fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.metrics.field_metrics import FieldMetric, Ranked

BoundsOf = Callable[[Intervals], Interval]


def field_figure(
    metric: FieldMetric, detections: Ranked, value: float, *, by_clip: bool = False
) -> BoundsOf:
    """Return a function that gives the interval of a metric for which 1 is perfect, of which
    `value` was measured, by any intervals with the same draws."""
    made: list[NDArray[np.float64]] = []

    def value_of(intervals: Intervals) -> Interval:
        draws = intervals.resampling
        if not made:
            values = [counts.value(metric) for counts in detections.drawn(draws, by_clip=by_clip)]
            made.append(np.concatenate(values))
        (drawn,) = made
        if intervals.method == "percentile":
            return intervals.of_draws(drawn, (0.0, 1.0), 0)
        seen = dataclasses.replace(detections.seen(draws.units), copies=intervals.copies)
        return seen.limit(intervals.of_draws(drawn, (0.0, 1.0), seen.units), value)

    return value_of


def mirrored(value_of: BoundsOf) -> BoundsOf:
    """Return the same of 1 less the value."""

    return lambda intervals: interval_of_rest(value_of(intervals))


def interval_of_rest(interval: Interval) -> Interval:
    """Return the interval of 1 less the value of an interval."""
    return Interval(
        low=1 - interval.high,
        high=1 - interval.low,
        confidence=interval.confidence,
        method=interval.method,
    )
