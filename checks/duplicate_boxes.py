"""The rule `duplicate-boxes`."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.doubles import double_boxes
from pytest_detgate.findings import Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.places import annotation, box_findings, counted
from pytest_detgate.gate.rule import CountRule, Inputs, Outcome, Target


class DuplicateBoxes(CountRule, frozen=True, kw_only=True):
    """No object may be boxed twice.

    ## What it checks

    Two boxes of one image double each other where they have one class and an IoU of `iou` or
    more, or are the very same box with two classes. `count` is the number of boxes that are too
    many: where several double each other, all but one. `two_classes` counts the places with one
    box and more than one class. Crowd regions are left out.

    ## Why it matters

    Of two boxes around one object a detector can match only one: the other counts as missed, and
    caps recall and AP. The same box with two classes teaches the model that one of them is wrong.

    ## How to mend

    Delete the box that is too many; where it has two classes, look which of them is right.
    Doubles come from merging two exports of one picture, and from a label file read twice.
    """

    code: ClassVar[str] = "duplicate-boxes"

    iou: Annotated[
        float,
        Meta(gt=0, le=1, description="Boxes of one class double each other from this IoU on."),
    ] = 0.95

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = dataset.boxes
        doubles = double_boxes(boxes, self.iou)
        # A contradiction has to be decided; a double only deleted.
        order = np.argsort(~doubles.two_classes, kind="stable")
        extra, other = doubles.extra[order], doubles.other[order]
        other_of = dict(zip(extra.tolist(), other.tolist(), strict=True))

        def reason(row: int) -> str:
            twin = other_of[row]
            whom = annotation(dataset, twin)
            if boxes.category[row] != boxes.category[twin]:
                names = [dataset.classes[boxes.category[at]] for at in (row, twin)]
                return f"the same box as {whom}, but {names[0]!r} and not {names[1]!r}"
            iou = geometry.iou(boxes.xywh[[row]], boxes.xywh[[twin]])[0, 0]
            return f"doubles {whom} (IoU {iou:.3g})"

        message = f"{counted(len(extra), 'box', 'boxes')} of {len(boxes)} too many"
        if doubles.places:
            message += f", {counted(doubles.places, 'place')} with two classes"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("count", len(extra), self.max),
                Measurement.shown("two_classes", doubles.places),
                Measurement.shown("boxes", len(boxes)),
            ],
            findings=box_findings(dataset, extra, reason),
            findings_total=len(extra),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.duplicate-boxes]",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("helmet_off", 12, 10, 30, 30)]}
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.duplicate-boxes]",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("helmet_off", 10, 10, 30, 30)]}
        },
    )
