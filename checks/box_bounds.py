"""The rule `box-bounds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.counts import counted_of, part_their
from pytest_detgate.dataset.boxes.extent import box_extent
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import box_findings, numbers
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class BoxBounds(CountRule, frozen=True, kw_only=True):
    """Boxes must be inside their image.

    ## What it checks

    `count` is the number of boxes that extend beyond their image by more than `tolerance` pixels on
    any side. `wholly` counts those of them that do not touch the image at all. Boxes that are not
    finite are left to `degenerate-boxes`. `unsized` counts the boxes on images whose width and
    height the file does not state. They could be anywhere, so they fail the rule.

    ## Why it matters

    Augmentations clip such a box or fail on it. Evaluation does not clip it, so no detector can
    match it well. A box that is wholly outside belongs to another image, or to the same image
    before it was resized or turned.

    ## How to fix

    Clip boxes that extend a little beyond the image. Boxes far outside suggest a wrong image size:
    compare the size that the file states with the size of the image (rule `image-files`).
    """

    code: ClassVar[str] = "box-bounds"
    measures: ClassVar[str] = "count wholly unsized boxes"
    safe_because: ClassVar[str | None] = (
        "Rounding moves an edge by less than half a pixel, which is allowed."
    )
    accepts_findings: ClassVar[bool] = True

    tolerance: Annotated[
        float, Meta(ge=0, description="Pixels by which a box may extend beyond its image.")
    ] = 0.5

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = dataset.boxes
        extent = box_extent(dataset)
        outside = np.flatnonzero(extent.over > self.tolerance)
        wholly = extent.wholly(outside)
        unsized = np.flatnonzero(extent.unsized)
        # The farthest first: they tell of something worse than a hand that slipped.
        by_distance = np.argsort(-extent.over[outside], kind="stable")
        rows = np.concatenate(
            [outside[by_distance][wholly[by_distance]], outside[by_distance][~wholly[by_distance]]]
        )

        def reason(row: int) -> str:
            image = boxes.image[row]
            if extent.unsized[row]:
                return "the size of its image is not stated"
            size = f"{dataset.images.width[image]:g} × {dataset.images.height[image]:g} image"
            how = "wholly" if extent.wholly(np.array([row]))[0] else f"{extent.over[row]:.4g} px"
            return f"{numbers(boxes.xywh[row])} is {how} outside its {size}"

        measurements = [
            Measurement.at_most("count", len(outside), self.limit(target)),
            Measurement.shown("wholly", int(wholly.sum())),
            Measurement.shown("boxes", len(boxes)),
        ]
        message = (
            f"{counted_of(len(outside), len(boxes), 'box', 'are')} outside "
            f"{part_their(len(outside), len(boxes))} image"
        )
        if len(outside):
            message += f", {int(wholly.sum()):,} wholly"
        if len(unsized):
            measurements.append(Measurement.at_most("unsized", len(unsized), 0))
            message += f"; {counted(len(unsized), 'box')} on images of unknown size"
        return Outcome(
            message=message,
            measurements=measurements,
            findings=box_findings(dataset, np.concatenate([rows, unsized]), reason),
            findings_total=len(rows) + len(unsized),
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, not_null, of_table

        if self.limit(target):
            return InExpectations(lacks="a number of boxes that are allowed")
        between = of_table(
            "annotations",
            "expect_column_values_to_be_between",
            column="outside",
            max_value=self.tolerance,
        )
        return InExpectations(expectations=[between, *not_null("annotations", "outside")])

    passing: ClassVar[Example] = Example(
        config="[rules.box-bounds]",
        splits={"train": {"a_1.jpg": [("helmet_off", 70, 70, 30.4, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.box-bounds]",
        splits={"train": {"a_1.jpg": [("helmet_off", 70, 70, 31, 30)]}},
    )
