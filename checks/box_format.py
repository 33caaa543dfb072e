"""The rule `box-format`."""

from __future__ import annotations

from itertools import chain
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.boxes.by_image import annotated_images
from pytest_detgate.dataset.boxes.format import Form, form_evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import box_findings, numbers
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

WORDS: dict[Form, str] = {
    "corners": "corners [x1, y1, x2, y2]",
    "centres": "centres and sizes [centre x, centre y, width, height]",
    "shares": "shares of the image's size instead of pixels",
    "shares, corners": "corners [x1, y1, x2, y2] in shares of the image's size",
    "shares, centres": "centres and sizes in shares of the image's size, as YOLO writes them",
}


class BoxFormat(CountRule, frozen=True, kw_only=True):
    """Boxes must be x, y, width and height in pixels, and their areas plausible.

    ## What it checks

    All boxes of the file together are compared with other forms: corners instead of sizes, centres
    instead of corners, shares of the image size instead of pixels. Another form is assumed if the
    boxes that fit only that form outnumber those that fit only COCO's form by twenty to one.
    `count` is the number of boxes that seem to be in another form (`misread`), and of those whose
    `area` cannot be right (`areas`): larger than the box, or not above zero. Even a mask has to fit
    into its box.

    ## Why it matters

    Four numbers are always read without complaint. Corners that are read as sizes train a model on
    boxes several times too large, and AP is low for no visible reason. `area` decides which boxes
    count as small, medium and large.

    ## How to fix

    Convert the boxes to `[x, y, width, height]` in pixels; most exporters have an option for it.
    Leave `area` out, or compute it again: without it, the area of the box is used.
    """

    code: ClassVar[str] = "box-format"
    measures: ClassVar[str] = "count misread areas boxes"
    safe_because: ClassVar[str | None] = (
        "Another form is assumed only if 20 times as many boxes fit it as fit that of COCO."
    )
    accepts_findings: ClassVar[bool] = True

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = dataset.boxes
        evidence = form_evidence(dataset)
        misread, areas = np.flatnonzero(evidence.misread), np.flatnonzero(evidence.area)
        count = len(misread) + len(areas)
        notes = []
        if evidence.form is not None:
            notes.append(
                f"{counted_of(len(misread), len(boxes), 'box', 'look')} like {WORDS[evidence.form]}"
            )
        if len(areas):
            notes.append(f"{counted(len(areas), 'area')} cannot be that of the box or of a mask")

        def form(row: int) -> str:
            return f"{numbers(boxes.xywh[row])} looks like {WORDS[evidence.form or 'shares']}"

        def area(row: int) -> str:
            own = float(boxes.xywh[row, 2] * boxes.xywh[row, 3])
            return f"area {boxes.area[row]:.6g}, but the box has {own:.6g}"

        def seen(rows: NDArray[np.int64]) -> str:
            return (
                f"{counted(len(rows), 'box')} drawn as read, which look like "
                f"{WORDS[evidence.form or 'shares']}"
            )

        return Outcome(
            message="; ".join(notes) or f"{counted(len(boxes), 'box')} in COCO's form",
            measurements=[
                Measurement.at_most("count", count, self.limit(target)),
                Measurement.shown("misread", len(misread)),
                Measurement.shown("areas", len(areas)),
                Measurement.shown("boxes", len(boxes)),
            ],
            findings=chain(
                box_findings(dataset, misread, form), box_findings(dataset, areas, area)
            ),
            findings_total=count,
            evidence=annotated_images(dataset, misread, seen),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.box-format]",
        splits={"train": {"a_1.jpg": [("helmet_off", 60, 50, 30, 40)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.box-format]",
        splits={
            "train": {
                "a_1.jpg": [("helmet_off", 60, 50, 90, 80), ("helmet_off", 50, 60, 70, 75)],
                "a_2.jpg": [("helmet_off", 40, 55, 80, 90)],
            }
        },
    )
