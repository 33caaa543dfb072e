"""The rule `recall`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.evidence import ByThreshold, Evidence, Mark, Number, Panel, Series
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import (
    bounds_text,
    counted,
    plotted,
    threshold_text,
    value_and_floor,
)
from pytest_detgate.rule_evidence.classes import frames_of_class, has_curves
from pytest_detgate.rule_evidence.thresholds import (
    bounds_by_count,
    operating_point_mark,
    said_of_gaps,
    tallest,
    threshold_chart,
    up_to,
    within_limits,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.class_floor_rule import ClassFloorRule
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.options import Threshold, threshold_of
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.metrics.recall import (
    boxes_of_class,
    found_boxes,
    scores_of_false,
    scores_of_found,
    share_figure,
)
from pytest_detgate.scoring.metrics.thresholds import counts_over, threshold_grid


class Recall(ClassFloorRule, frozen=True, kw_only=True):
    """At the operating point enough of the ground truth of each class must be found.

    ## What it checks

    `recall` is the share of a class's ground-truth boxes in the evaluated split that a detection
    with score > threshold finds: same class, IoU ≥ 0.5, one to one. `found` and `boxes` are the two
    counts. Only crowd regions need not be found. All detections count, without a limit for each
    image. The bounds are computed by clips, or by images if there are no clips, with room for one
    more clip unlike all clips seen: if everything is found on 5 clips, the lower bound at 95% is
    0.55, on 59 clips 0.95.

    ## Why it matters

    A detector whose scores are all low has few false alarms and misses everything. An early epoch
    passes every budget of false boxes that way. This rule is the other half of such a budget.

    ## How to fix

    Train longer, or lower the operating point; `operating-point` says whether any threshold meets
    this floor and the budgets of false boxes together.
    """

    code: ClassVar[str] = "recall"
    measures: ClassVar[str] = "recall found boxes"
    metric_name: ClassVar[str] = "recall"
    has_exact_bounds: ClassVar[bool] = True

    score_threshold: Threshold | None = None

    def planned_score(self, project: Project) -> float | None:
        return threshold_of(self, project)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        threshold = threshold_of(self, inputs.project)
        require_threshold(inputs.detections(split), threshold)
        matches = inputs.matches(split)
        columns = matches.candidates.columns
        wanted = boxes_of_class(matches, support.category)
        if not len(wanted):
            raise DataError(
                f"no ground truth of class {support.name!r} is on an image of {split}, so its "
                "recall is not defined"
            )
        objects = found_boxes(matches, support.category, threshold)
        value = len(objects) / len(wanted)
        value_of = share_figure(columns.gt_image[objects], columns.gt_image[wanted])
        interval = self.interval(inputs, split, value_of)
        missed = np.setdiff1d(wanted, objects)
        missed = missed[np.argsort(-columns.gt_area[missed], kind="stable")]
        dataset = inputs.dataset(split)
        measurement = Measurement.at_least(
            "recall", value, self.floor(support.name), bound=self.bound, interval=interval
        )
        return Outcome(
            message=f"{len(objects)} of {counted(len(wanted), 'box')} of {support.name} found on "
            f"{split} with "
            f"score > {threshold:g}, recall {value_and_floor(value, measurement.limit)}"
            f"{bounds_text(interval)}",
            measurements=[
                measurement,
                Measurement.shown("found", len(objects)),
                Measurement.shown("boxes", len(wanted)),
            ],
            findings=(
                Finding(
                    text=f"{support.name} not found",
                    dataset=split,
                    image=str(dataset.images.file_name[columns.gt_image[row]]),
                    box=tuple(columns.gt_xywh[row].tolist()),
                    label=support.name,
                )
                for row in missed
            ),
            findings_total=len(missed),
            evidence=self._evidence(inputs, split, support.category, threshold, measurement),
            needs=needs_of_metric(
                self,
                inputs,
                split,
                measurement,
                value_of,
                matches,
                what="recall",
                category=support.category,
            ),
        )

    def _evidence(
        self, inputs: Inputs, split: str, category: int, threshold: float, measurement: Measurement
    ) -> Evidence:
        matches = inputs.matches(split)
        name = matches.candidates.columns.classes[category]
        if not has_curves(len(matches.candidates.columns.classes), measurement):
            return Evidence()
        thresholds = threshold_grid(inputs.detections(split).score_floor, threshold)
        wanted = boxes_of_class(matches, category)
        count = counts_over(scores_of_found(matches, category), thresholds)
        false = counts_over(scores_of_false(matches, category), thresholds).tolist()
        by = ByThreshold(
            thresholds=thresholds,
            values={"recall": (count / len(wanted)).tolist(), "found": count.tolist()},
            held=self._bounds_by_threshold(inputs, split, category, count)
            if measurement.bound == "lower"
            else {},
        )
        frames, total = frames_of_class(
            inputs, split, category, threshold, measurement, with_false=False
        )
        most = tallest(false[thresholds.index(threshold)])
        marks = [] if measurement.limit is None else [_floor_mark(measurement.limit)]
        recall = Series(name="recall", x=thresholds, y=plotted(by.values["recall"]))
        chart = threshold_chart(
            f"Recall and false boxes of {name} by score threshold",
            f"Recall of {name} on {split}, and its false boxes there, over each score threshold. "
            + _advice(by, measurement, threshold, false)
            + said_of_gaps(false, most),
            [
                Panel(label="recall", series=[recall], marks=marks, span=(0.0, 1.0)),
                Panel(
                    label=f"false boxes of {name}",
                    series=[
                        Series(name=f"false boxes on {split}", x=thresholds, y=up_to(false, most))
                    ],
                ),
            ],
            [operating_point_mark(threshold)],
        )
        return Evidence(charts=[chart], frames=frames, frames_total=total, by_threshold=by)

    def _bounds_by_threshold(
        self, inputs: Inputs, split: str, category: int, objects_found: NDArray[np.int64]
    ) -> dict[str, list[Number | None]]:
        """The lower bound of recall over each threshold, from the number of boxes found there."""
        matches = inputs.matches(split)
        columns = matches.candidates.columns
        by_score = found_boxes(matches, category, -math.inf)
        wanted = boxes_of_class(matches, category)

        def bound_of_first(count: int) -> float | None:
            rows = columns.gt_image[by_score[:count]]
            interval = self.interval(inputs, split, share_figure(rows, columns.gt_image[wanted]))
            return None if interval is None else interval.low

        return {"recall": bounds_by_count(objects_found, bound_of_first)}

    passing: ClassVar[Example] = Example(
        config="[rules.recall]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.recall]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.2, 10, 10, 30, 30)]}},
    )


def _floor_mark(floor: float) -> Mark:
    return Mark(label=f"floor {floor:g}", at=floor, axis="y")


def _advice(by: ByThreshold, measurement: Measurement, threshold: float, false: list[int]) -> str:
    """What moving the threshold would do, in a sentence."""
    within = np.flatnonzero(within_limits(by, [measurement]))
    now = by.thresholds.index(threshold)
    if not len(within):
        return "No threshold reaches the floor."
    highest = int(within[-1])
    change = counted(abs(false[highest] - false[now]), "false box")
    there = threshold_text(by.thresholds[highest])
    if highest < now:
        return (
            f"Moving the threshold from {threshold_text(threshold)} to {there} would reach the "
            f"floor and cost {change}."
        )
    if highest == now:
        return f"No higher threshold than {there} is known to reach the floor."
    return f"The floor is reached up to {there}, which would save {change}."
