"""The rule `empty-gt-share`."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.findings import Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.places import image_findings
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import (
    Inputs,
    Outcome,
    SplitRule,
    Target,
    require_limit,
    require_order,
)


class EmptyGtShare(SplitRule, frozen=True, kw_only=True):
    """The share of images without any annotation must lie within limits.

    ## What it checks

    `share` is the number of images without any annotation divided by the number of images. An
    image whose only annotations are crowd regions is not empty; those are counted as `crowd_only`.
    Where the format can tell, an image whose label file is missing is not empty either: nobody
    said that there is nothing on it. Those are `missing`, and more than `max-missing` fail.

    ## Why it matters

    A detector whose every training frame holds an object learns that there always is one, and
    fires on frames where there is nothing to find. AP cannot see it.

    ## How to mend

    Add frames with nothing to detect (a `min` that fails), and make sure that training keeps
    them: MMDetection drops them unless `filter_cfg` says `filter_empty_gt=False`.
    Remove or annotate some (a `max` that fails).
    """

    code: ClassVar[str] = "empty-gt-share"

    min: Annotated[Share, Meta(description="Least share of empty images.")] | None = None
    max: Annotated[Share, Meta(description="Largest share of empty images.")] | None = None

    max_missing: Annotated[
        Count, Meta(description="Images without a label file that are allowed.")
    ] = 0

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min", "max")
        require_order(self.min, self.max)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        boxes = dataset.boxes_by_image()
        images = len(boxes)
        empty = dataset.empty_images()
        unlabelled = dataset.images.unlabelled
        missing = np.flatnonzero(unlabelled) if unlabelled is not None else empty[:0]
        listed = dataset.boxes.image[~dataset.boxes.crowd & (dataset.boxes.image >= 0)]
        not_crowd = np.bincount(listed, minlength=images)
        share = len(empty) / images
        measurements = [
            Measurement.at_least("share", share, self.min),
            Measurement.at_most("share", share, self.max),
        ]
        if unlabelled is not None:
            measurements.append(Measurement.at_most("missing", len(missing), self.max_missing))
        told_empty = empty if self.max is not None and share > self.max else empty[:0]
        told_missing = missing if len(missing) > self.max_missing else missing[:0]
        message = f"{len(empty)} of {images} images have no annotation"
        if len(missing):
            message += f"; {len(missing)} more have no label file"
        return Outcome(
            message=message,
            measurements=[
                *(held for held in measurements if held.limit is not None),
                Measurement.shown("images", images),
                Measurement.shown("empty", len(empty)),
                Measurement.shown("crowd_only", int(((boxes > 0) & (not_crowd == 0)).sum())),
            ],
            findings=chain(
                image_findings(dataset, told_missing, lambda row: "no label file"),
                image_findings(dataset, told_empty, lambda row: "no annotation"),
            ),
            findings_total=len(told_missing) + len(told_empty),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.empty-gt-share]\nmin = 0.25",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []},
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.empty-gt-share]\nmin = 0.25",
        splits={
            "train": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 12, 10, 30, 30)],
            },
        },
    )
