"""What other score thresholds would measure, and what that says to a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DetgateError
from pytest_detgate.evidence import ByThreshold, LineChart, Mark, Number, Panel, Series
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import plotted, points_text, threshold_text
from pytest_detgate.scoring.metrics.operating_point import RecallCurve, recall_curve

TALL = 4
"""How many times as high as the largest count that matters a curve of counts is drawn."""
LEAST_TALLEST = 20
"""Counts up to this are drawn in any case."""


@dataclass(frozen=True, slots=True)
class SplitRecall:
    """Recall of all classes of the evaluated split together, over the score threshold."""

    split: str
    curve: RecallCurve

    def over(self, threshold: float) -> float | None:
        """Recall at a threshold; None below the scores that the detector keeps."""
        return self.curve.recall(threshold) if threshold >= self.curve.score_floor else None


def recall_of_split(inputs: Inputs) -> SplitRecall | None:
    """Recall of the evaluated split, where other items of the run ask for its detections anyway;
    None where they do not, and where it is not available or not defined."""
    split = inputs.project.evaluate_on
    if not inputs.is_requested(split):
        return None
    try:
        floor = inputs.detections(split).score_floor
        curve = recall_curve(inputs.matches(split), score_floor=floor)
    except DetgateError:
        return None  # the items that need it say why
    return None if curve is None else SplitRecall(split, curve)


def threshold_chart(
    title: str,
    about: str,
    panels: Sequence[Panel],
    marks: Sequence[Mark],
) -> LineChart:
    """Curves over the score threshold, which the reader may move."""
    return LineChart(
        title=title,
        about=about,
        label="score threshold",
        panels=list(panels),
        marks=list(marks),
        span=(0.0, 1.0),
        form="step",
        score_axis=True,
    )


def tallest(*numbers: Number | None) -> float:
    """The largest count that is drawn beside those that matter: near a score of 0 a detector has
    so many boxes that nothing else could be seen."""
    return max(LEAST_TALLEST, *(TALL * value for value in numbers if value is not None))


def up_to(values: Sequence[Number | None], most: float) -> list[Number | None]:
    """Values of a curve, with a gap where one is larger."""
    return [None if value is None or value > most else value for value in values]


def said_of_gaps(values: Sequence[Number | None], most: float) -> str:
    """The sentence that says what is not drawn, led by a space; nothing where all is."""
    is_cut = any(value is not None and value > most for value in values)
    return f" Counts over {most:,.0f} are not drawn." if is_cut else ""


def operating_point_mark(threshold: float) -> Mark:
    """The line of the operating point."""
    return Mark(label=f"operating point {threshold_text(threshold)}", at=threshold)


def recall_panel(recall: SplitRecall, thresholds: list[float]) -> Panel:
    """Recall of the evaluated split over the threshold."""
    values = plotted(recall.over(threshold) for threshold in thresholds)
    return Panel(
        label=f"recall on {recall.split}",
        series=[Series(name=f"recall on {recall.split}", x=thresholds, y=values)],
        span=(0.0, 1.0),
    )


def within_limits(by: ByThreshold, measurements: Sequence[Measurement]) -> NDArray[np.bool_]:
    """(T,) at which thresholds every value that has a limit would keep it."""
    is_within = np.ones(len(by.thresholds), dtype=np.bool_)
    for measured in measurements:
        if measured.limit is None or measured.name not in by.values:
            continue
        judged_values = by.held.get(measured.name, by.values[measured.name])
        numbers = np.array(
            [np.nan if value is None else value for value in judged_values], dtype=np.float64
        )
        is_within &= (
            numbers <= measured.limit if measured.relation == "<=" else numbers >= measured.limit
        )
    return is_within


def advice(
    by: ByThreshold,
    measurements: Sequence[Measurement],
    operating_point: float,
    recall: SplitRecall | None,
    budget: str = "the budget",
) -> str:
    """What moving the threshold of a rule on false boxes would do, in one sentence: the lowest
    threshold that keeps every limit, and the recall that goes or comes with it."""
    is_within = within_limits(by, measurements)
    now = by.thresholds.index(operating_point)
    if not is_within.any():
        return f"No threshold meets {budget}."
    lowest = by.thresholds[int(np.argmax(is_within))]
    change = _recall_change(recall, operating_point, lowest)
    if not is_within[now]:
        return (
            f"Moving the threshold from {threshold_text(operating_point)} to "
            f"{threshold_text(lowest)} would meet {budget}"
            f"{' and cost ' + change if change else ''}."
        )
    if lowest == operating_point:
        return (
            f"No lower threshold than {threshold_text(operating_point)} is known to meet {budget}."
        )
    gained = f", which would gain {change}" if change else ""
    return f"{budget[:1].upper()}{budget[1:]} is met down to {threshold_text(lowest)}{gained}."


def _recall_change(
    recall: SplitRecall | None, threshold_before: float, threshold_after: float
) -> str:
    """`11 points of recall on val`; nothing where it is not known."""
    if recall is None:
        return ""
    before, after = recall.over(threshold_before), recall.over(threshold_after)
    if before is None or after is None:
        return ""
    return f"{points_text(before - after, 'recall')} on {recall.split}"


def bounds_by_count(
    counts: NDArray[np.int64], bound_of_first: Callable[[int], float | None]
) -> list[float | int | None]:
    """(T,) a bound for each count, which is computed once for each: `bound_of_first` says it of
    the first so many boxes."""
    known = {count: bound_of_first(count) for count in np.unique(counts).tolist()}
    return [known[count] for count in counts.tolist()]
