"""The rule `dangling-annotations`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.annotation_gaps import off_by_one
from pytest_detgate.dataset.ids import shown_id
from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import NO_PIXELS, ODD_ANNOTATIONS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rule_evidence.findings import box_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class DanglingAnnotations(CountRule, frozen=True, kw_only=True):
    """Every annotation must belong to an image and a category that its file lists.

    ## What it checks

    `count` is the number of annotations whose `image_id` or `category_id` is not listed.
    `of_categories` and `of_images` count them by what is missing. An id that is text in one place
    and a number in the other is the same id.

    ## Why it matters

    Such a box is never seen: no training uses it, and no evaluation. Usually images were removed
    from the file and their boxes were left behind, or a class was renumbered. In the second case,
    boxes that do fit may have the wrong class too.

    ## How to fix

    Export the file again from the labelling tool, or put back the images and categories that are
    named. Delete the annotations only if their images were removed on purpose. If all numbers are
    off by one, correct all of them: those that are listed mean another image or class, too.
    """

    code: ClassVar[str] = "dangling-annotations"
    measures: ClassVar[str] = "count of_categories of_images annotations"
    safe_because: ClassVar[str | None] = (
        "An annotation of an image or class that its file does not list is used by no "
        "training and no evaluation."
    )
    never_accepted: ClassVar[bool] = True
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS | NO_PIXELS

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        return {}  # a label error, never a count to live with

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = dataset.boxes
        no_category = boxes.category == UNLISTED
        no_image = boxes.image == UNLISTED
        # A category that is missing is one thing to fix, for all its boxes at once.
        rows = np.concatenate(
            [np.flatnonzero(no_category), np.flatnonzero(no_image & ~no_category)]
        )

        def reason(row: int) -> str:
            missing = []
            if no_category[row]:
                missing.append(f"category {shown_id(boxes.category_id, row)}")
            if no_image[row]:
                missing.append(f"image {shown_id(boxes.image_id, row)}")
            return f"{' and '.join(missing)} not listed"

        message = (
            f"{counted_of(len(rows), len(boxes), 'annotation', 'refer')} to an image or category "
            "that is not listed"
        )
        ids = (dataset.images.id, dataset.all_classes()[0])
        causes = [
            off_by_one("unlisted-class", boxes, *ids) if no_category.any() else "",
            off_by_one("unlisted-image", boxes, *ids) if no_image.any() else "",
        ]
        return Outcome(
            message="; ".join([message, *filter(None, causes)]),
            measurements=[
                Measurement.at_most("count", len(rows), self.limit(target)),
                Measurement.shown("of_categories", int(no_category.sum())),
                Measurement.shown("of_images", int(no_image.sum())),
                Measurement.shown("annotations", len(boxes)),
            ],
            findings=box_findings(dataset, rows, reason),
            findings_total=len(rows),
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, not_null

        if self.limit(target):
            return InExpectations(lacks="a number of annotations that are allowed")
        return InExpectations(expectations=not_null("annotations", "label", "file_name"))

    passing: ClassVar[Example] = Example(
        config="[rules.dangling-annotations]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.dangling-annotations]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        added={
            "train": {
                "annotations": [
                    {"id": 2, "image_id": 7, "category_id": 1, "bbox": [10, 10, 30, 30]}
                ]
            }
        },
    )
