"""The rule `degenerate-boxes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pytest_detgate.boxes import finite
from pytest_detgate.counts import counted_of
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import NO_PIXELS, ODD_ANNOTATIONS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rule_evidence.findings import box_findings, numbers
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class DegenerateBoxes(CountRule, frozen=True, kw_only=True):
    """Boxes must be finite and have a width and a height.

    ## What it checks

    `count` is the number of boxes with a coordinate that is NaN or infinite, or with a width or
    height of zero or less. `not_finite` counts those of the first kind.

    ## Why it matters

    Some training pipelines drop such boxes without a word, others turn them into a loss of NaN.
    Evaluation counts each as an object that no detector can find.

    ## How to fix

    Draw the box again in the labelling tool, or delete it: a click without a drag makes such a box.
    Infinite boxes come from a mask without points.
    """

    code: ClassVar[str] = "degenerate-boxes"
    measures: ClassVar[str] = "count not_finite boxes"
    safe_because: ClassVar[str | None] = "An object in an image has a width and a height."
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS | NO_PIXELS

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        xywh = dataset.boxes.shapes
        is_finite = finite(xywh)
        empty = is_finite & ((xywh[:, 2] <= 0) | (xywh[:, 3] <= 0))
        not_finite, without_area = np.flatnonzero(~is_finite), np.flatnonzero(empty)
        rows = np.concatenate([not_finite, without_area])

        def reason(row: int) -> str:
            if not is_finite[row]:
                return f"{numbers(xywh[row])} is not finite"
            lacking = [
                f"{side} {xywh[row, column]:g}"
                for side, column in (("width", 2), ("height", 3))
                if xywh[row, column] <= 0
            ]
            return " and ".join(lacking)

        return Outcome(
            message=f"{counted_of(len(rows), len(xywh), 'box', 'have')} no finite area",
            measurements=[
                Measurement.at_most("count", len(rows), self.limit(target)),
                Measurement.shown("not_finite", len(not_finite)),
                Measurement.shown("boxes", len(xywh)),
            ],
            findings=box_findings(dataset, rows, reason),
            findings_total=len(rows),
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import LARGEST, InExpectations, not_null, of_table

        if self.limit(target):
            return InExpectations(lacks="a number of boxes that are allowed")
        kind = "expect_column_values_to_be_between"
        sides = [
            of_table(
                "annotations", kind, column=side, min_value=0, strict_min=True, max_value=LARGEST
            )
            for side in ("width", "height")
        ]
        corners = [
            of_table("annotations", kind, column=axis, min_value=-LARGEST, max_value=LARGEST)
            for axis in ("x", "y")
        ]
        filled = not_null("annotations", "x", "y", "width", "height")
        return InExpectations(expectations=[*sides, *corners, *filled])

    passing: ClassVar[Example] = Example(
        config="[rules.degenerate-boxes]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 1, 1)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.degenerate-boxes]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 0)]}},
    )
