"""The rule `class-ap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.interval_rule import IntervalRule, require_support, said
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import (
    Inputs,
    Outcome,
    Target,
    require_limit,
    require_names,
)
from pytest_detgate.scoring.score_card import PROTOCOL, ApMetric


class ClassAp(IntervalRule, frozen=True, kw_only=True):
    """AP of each class of the evaluated split must reach its floor.

    ## What it checks

    `ap` is the AP of one class by the COCO protocol of pycocotools, unrounded; `boxes` is its
    ground truth. `min` is the floor of every class, `classes` gives single classes their own.
    A class without ground truth has no AP, so it is not evaluated, and that fails.
    Beside the value stand its bounds, from a bootstrap over clips (over images where there are
    no clips); with `bound = "lower"` the lower one is held against the floor.

    ## Why it matters

    The mean over classes hides the one class that the product is about.

    ## How to mend

    See how much ground truth the class has: few boxes need more data, many need better labels
    or longer training.
    """

    code: ClassVar[str] = "class-ap"

    min: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )
    metric: ApMetric = "AP"
    min_boxes: (
        Annotated[Count, Meta(description="Least ground truth of a class that proves anything.")]
        | None
    ) = None
    min_images: (
        Annotated[Count, Meta(description="Least images with the class that prove anything.")]
        | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min", "classes")
        require_names("class", self.classes or (), self._classes(project), table=["classes"])

    def targets(self, project: Project) -> Iterator[Target]:
        known = self._classes(project) if self.min is not None else None
        if known is None and not self.classes:
            # The annotation file cannot be read: one item remains, to say so.
            yield self.target(project)
        for name in known or self.classes or ():
            yield self.target(project, name)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        scores = inputs.scores(split)
        if target.label is None:
            raise DataError(f"the classes of {split} could not be read")
        score = scores.classes[target.label]
        value: float | None = getattr(score, self.metric)
        if value is None or score.boxes == 0:
            raise DataError(
                f"class {target.label!r} has no ground truth in {split}, so its AP is not defined"
            )
        category = list(scores.classes).index(target.label)
        boxes = inputs.dataset(split).boxes
        images = len(np.unique(boxes.image[(boxes.category == category) & ~boxes.crowd]))
        require_support(
            f"class {target.label!r} in {split}",
            {"boxes": (score.boxes, self.min_boxes), "images": (images, self.min_images)},
        )
        interval = self.interval(
            inputs,
            split,
            lambda draws: inputs.replicates(split, "all", draws.replicates, draws.seed).figure(
                self.metric, category
            ),
        )
        return Outcome(
            message=f"{self.metric} {value:.3f} on {split}, {score.boxes} boxes ({PROTOCOL})"
            f"{said(interval)}",
            measurements=[
                Measurement.at_least(
                    "ap", value, self._floor(target.label), bound=self.bound, interval=interval
                ),
                Measurement.shown("boxes", score.boxes),
                Measurement.shown("images", images),
            ],
        )

    def _floor(self, name: str) -> float | None:
        return (self.classes or {}).get(name, self.min)

    def _classes(self, project: Project) -> tuple[str, ...] | None:
        try:
            return project.classes(project.evaluate_on)
        except DataError:
            return None

    passing: ClassVar[Example] = Example(
        config="[rules.class-ap]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.class-ap]\nmin = 0.9",
        classes=("helmet_off", "no_vest"),
        splits={
            "val": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("no_vest", 50, 50, 40, 40)],
            },
        },
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
