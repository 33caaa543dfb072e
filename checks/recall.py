"""The rule `recall`."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.interval_rule import ClassFloorRule, said
from pytest_detgate.gate.rule import Inputs, Outcome, Target
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.recall import boxes_of_class, found_boxes, share_replicates


class Recall(ClassFloorRule, frozen=True, kw_only=True):
    """At the operating point enough of the ground truth of each class must be found.

    ## What it checks

    `recall` is the share of a class's ground-truth boxes in the evaluated split that a detection
    with score > threshold finds: same class, IoU ≥ 0.5, one to one. `found` and `boxes` are the
    two counts. Crowd regions need not be found. Beside it stand its bounds, from a bootstrap over
    clips (over images where there are no clips).

    ## Why it matters

    A detector that is sure of nothing has few false alarms and misses everything. An early epoch
    passes every budget of false boxes that way; this rule is the other half of such a budget.

    ## How to mend

    Train longer, or lower the operating point; `operating-point` says whether any threshold meets
    this floor and the budgets of false boxes together.
    """

    code: ClassVar[str] = "recall"
    figure: ClassVar[str] = "recall"

    score_threshold: (
        Annotated[Share, Meta(description="Operating point; omitted: that of [model].")] | None
    ) = None

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        threshold = (
            inputs.project.score_threshold if self.score_threshold is None else self.score_threshold
        )
        require_threshold(inputs.detections(split), threshold)
        matches = inputs.matches(split)
        columns = matches.candidates.columns
        wanted = boxes_of_class(matches, support.category)
        found = found_boxes(matches, support.category, threshold)
        interval = self.interval(
            inputs,
            split,
            lambda draws: share_replicates(
                columns.gt_image[found], columns.gt_image[wanted], draws
            ),
        )
        value = len(found) / len(wanted)
        missed = np.setdiff1d(wanted, found)
        missed = missed[np.argsort(-columns.gt_area[missed], kind="stable")]
        dataset = inputs.dataset(split)
        return Outcome(
            message=f"{len(found)} of {len(wanted)} boxes found on {split} with score > "
            f"{threshold:g}, recall {value:.3f}{said(interval)}",
            measurements=[
                Measurement.at_least(
                    "recall", value, self.floor(support.name), bound=self.bound, interval=interval
                ),
                Measurement.shown("found", len(found)),
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
        )

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
