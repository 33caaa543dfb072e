"""The rule `duplicate-boxes`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.config.numbers import Count
from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.boxes.by_image import annotated_images
from pytest_detgate.dataset.boxes.duplicates import double_boxes
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import NO_PIXELS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import annotation, box_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target


class DuplicateBoxes(CountRule, frozen=True, kw_only=True):
    """No object may have two boxes.

    ## What it checks

    Two boxes of one class on one image are duplicates if their IoU is `iou` or more. `count` is the
    number of boxes that are too many: all but one of each group of duplicates. `two_classes` counts
    the places where exactly the same box has more than one class; with `two-class-iou` also those
    where boxes of two classes have that IoU or more. Crowd regions are left out.

    ## Why it matters

    If an object has two boxes, a detector can match only one. The other counts as missed, and
    limits recall and AP. The same box with two classes teaches the model that one of them is wrong.
    Two annotators who disagree on a class rarely draw the very same box.

    ## How to fix

    - `count` too high: Delete the box that is too many. Duplicates come from merging two exports of
      one image, and from a label file that was read twice.
    - `two_classes` too high: Check which of the two classes is right. If classes may overlap (a
      person, and a person without a vest), allow it with `max-two-classes`.
    """

    code: ClassVar[str] = "duplicate-boxes"
    measures: ClassVar[str] = "count two_classes boxes"
    safe_because: ClassVar[str | None] = (
        "Two objects of one class do not overlap by 95%, and one object has one class."
    )
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = NO_PIXELS

    iou: Annotated[
        float,
        Meta(gt=0, le=1, description="Boxes of one class are duplicates from this IoU on."),
    ] = 0.95

    two_class_iou: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=1,
                description="Boxes of two classes contradict each other from this IoU on. "
                "Omitted: only the very same box. 0.9 suits classes that never overlap.",
            ),
        ]
        | None
    ) = None
    max_two_classes: Annotated[
        Count, Meta(description="Places with one box of two classes that are allowed.")
    ] = 0

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        most = max((int(measured["two_classes"]) for measured in values.values()), default=0)
        more = {"max-two-classes": most} if most > self.max_two_classes else {}
        return {**super().known_today(values), **more}

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = dataset.boxes
        shapes = boxes.shapes
        doubles = double_boxes(boxes, self.iou, self.two_class_iou)
        extra, contradicting = doubles.extra, doubles.contradicting
        doubled = dict(zip(extra.tolist(), doubles.other.tolist(), strict=True))
        contradicted = dict(contradicting[:, ::-1].tolist())

        def double(row: int) -> str:
            other = doubled[row]
            iou = geometry.iou(shapes[[row]], shapes[[other]])[0, 0]
            return f"duplicate of {annotation(dataset, other)} (IoU {iou:.3g})"

        def contradiction(row: int) -> str:
            other = contradicted[row]
            own, its = (dataset.classes[boxes.category[index]] for index in (row, other))
            if (shapes[row] == shapes[other]).all():
                return f"{own!r} where {annotation(dataset, other)} says {its!r} (same box)"
            iou = geometry.iou(shapes[[row]], shapes[[other]])[0, 0]
            return f"{own!r} where {annotation(dataset, other)} says {its!r} (IoU {iou:.3g})"

        return Outcome(
            message=f"{counted_of(len(extra), len(boxes), 'box')} too many, "
            f"{counted(len(contradicting), 'place')} with one box and two classes",
            measurements=[
                Measurement.at_most("count", len(extra), self.limit(target)),
                Measurement.at_most("two_classes", len(contradicting), self.max_two_classes),
                Measurement.shown("boxes", len(boxes)),
            ],
            # A contradiction has to be decided, a double only deleted.
            findings=chain(
                box_findings(dataset, contradicting[:, 1], contradiction),
                box_findings(dataset, extra, double),
            ),
            findings_total=len(contradicting) + len(extra),
            evidence=_evidence(dataset, extra, contradicting[:, 1]),
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


def _evidence(
    dataset: Dataset, extra: NDArray[np.int64], contradicting: NDArray[np.int64]
) -> Evidence:
    """The images with most of them, with the boxes that they double."""

    def text(rows: NDArray[np.int64]) -> str:
        n_extra = int(np.count_nonzero(np.isin(rows, extra)))
        n_places = int(np.count_nonzero(np.isin(rows, contradicting)))
        notes = []
        if n_extra:
            notes.append(f"{counted(n_extra, 'box')} too many")
        if n_places:
            notes.append(f"{counted(n_places, 'place')} with one box and two classes")
        return ", ".join(notes)

    return annotated_images(dataset, np.union1d(extra, contradicting), text)
