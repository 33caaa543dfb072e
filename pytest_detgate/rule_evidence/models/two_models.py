"""The false boxes of two models on a probe, over every score threshold."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.evidence import ByThreshold, LineChart, Number, Panel, Series
from pytest_detgate.record.formatting import threshold_text
from pytest_detgate.rule_evidence.thresholds import (
    operating_point_mark,
    said_of_gaps,
    tallest,
    threshold_chart,
    up_to,
)


def chart_of_two_models(
    probe: str,
    thresholds: list[float],
    boxes: NDArray[np.int64],
    before: NDArray[np.int64],
    threshold: float,
) -> LineChart:
    """The false boxes of the gated model (thresholds,) and of the baseline, `before`."""
    worse = np.flatnonzero(boxes > before)
    better = np.flatnonzero(boxes < before)
    if not len(worse):
        note = "At no threshold has the gated model more."
    elif not len(better):
        note = "The gated model has fewer at no threshold, so no operating point fixes it."
    else:
        note = (
            f"The gated model has more at {len(worse)} of {len(thresholds)} thresholds, from "
            f"{threshold_text(thresholds[worse[0]])} to {threshold_text(thresholds[worse[-1]])}, "
            f"and fewer at {len(better)}: scores may only have moved, so compare at equal recall "
            "too."
        )
    now = thresholds.index(threshold)
    most = tallest(int(boxes[now]), int(before[now]))
    own, other = boxes.tolist(), before.tolist()
    return threshold_chart(
        f"False boxes on {probe} beside the baseline",
        f"False boxes of both models over each score threshold. {note}"
        + said_of_gaps([*own, *other], most),
        [
            Panel(
                label="false boxes",
                series=[
                    Series(name="gated model", x=thresholds, y=up_to(own, most)),
                    Series(name="baseline", x=thresholds, y=up_to(other, most)),
                ],
            )
        ],
        [operating_point_mark(threshold)],
    )


def change_by_threshold(
    thresholds: list[float],
    boxes: NDArray[np.int64],
    before: NDArray[np.int64],
    *,
    is_bound: bool,
    has_noise: bool,
) -> ByThreshold:
    """What is measured over each threshold: (thresholds,) `boxes` of the gated model, those of the
    baseline `before`, and how they changed.

    Those metrics are left out that another threshold would compare with another limit: with noise
    the limit of a share depends on the baseline's count, and a bound would have to be drawn again.
    """
    values: dict[str, list[Number | None]] = {
        "boxes": boxes.tolist(),
        "baseline": before.tolist(),
    }
    if not is_bound:
        values["change"] = (boxes - before).tolist()
        if not has_noise:
            undefined = np.full(len(before), np.nan)
            change = np.divide(boxes - before, before, out=undefined, where=before > 0)
            values["growth"] = _known(change)
            values["reduction"] = _known(-change)
    return ByThreshold(thresholds=thresholds, values=values)


def _known(values: NDArray[np.float64]) -> list[Number | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
