"""The rule `probe-fp`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gate.baseline import SCORE_THRESHOLD
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import (
    Inputs,
    OptionError,
    Outcome,
    ProbeRule,
    Target,
    require_names,
)
from pytest_detgate.scoring.false_boxes import false_boxes

MaxBoxes = Annotated[Count, Meta(description="Largest number of false boxes.")]
MaxImages = Annotated[Count, Meta(description="Largest number of frames with a false box.")]
MaxOnImage = Annotated[Count, Meta(description="Largest number of false boxes on one frame.")]
ByClass = Annotated[dict[str, Count], Meta(description="Largest number of false boxes by class.")]
Threshold = Annotated[Share, Meta(description="Operating point; omitted: that of [model].")]
Bound = Annotated[
    Literal["point"], Meta(description="What is held against the budget: the count itself.")
]


class ProbeBudget(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The budget of one probe; what it leaves out is taken from the rule's own table."""

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_boxes_per_image: MaxOnImage | None = None
    classes: ByClass | None = None
    score_threshold: Threshold | None = None
    bound: Bound | None = None


class ProbeFp(ProbeRule, frozen=True, kw_only=True):
    """False boxes on frames with nothing to detect must stay within a budget.

    ## What it checks

    `boxes` counts the detections with score > threshold on the frames of a probe that are not
    matched one to one (same class, IoU ≥ 0.5) to an allowed box; `images` the frames with at
    least one of them; `boxes_per_image` the most on one frame; `boxes[CLASS]` those of a class.

    ## Why it matters

    Every such box is a false alarm on a worker who did nothing wrong. AP does not count them:
    any number of false boxes may score below the last true one for free.

    ## How to mend

    Look at the frames on the page. Where the model fires on what training never showed it as
    harmless, add such frames to training and keep them there (`filter_empty_gt=False`).
    """

    code: ClassVar[str] = "probe-fp"

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_boxes_per_image: MaxOnImage | None = None
    classes: ByClass | None = None
    score_threshold: Threshold | None = None
    bound: Bound = "point"
    probes: (
        Annotated[dict[str, ProbeBudget], Meta(description="Budgets of single probes.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_names("probe", self.probes or (), project.probes, table=["probes"])
        require_names("class", self.classes or (), project.known_classes, table=["classes"])
        for probe, own in (self.probes or {}).items():
            table = ["probes", probe, "classes"]
            require_names("class", own.classes or (), project.known_classes, table=table)
        for probe in project.probes:
            budget = self.budget(probe)
            limits = (
                budget.max_boxes,
                budget.max_images,
                budget.max_boxes_per_image,
                budget.classes,
            )
            if all(limit is None for limit in limits):
                raise OptionError(
                    f"probe {probe!r} has no budget, so it could never fail; give max-boxes, "
                    f"max-images, max-boxes-per-image or classes, here or in a table "
                    f"[rules.probe-fp.probes.{probe}]"
                )

    def budget(self, probe: str) -> ProbeBudget:
        """What holds for one probe: its own options, else the rule's."""
        own = (self.probes or {}).get(probe, ProbeBudget())
        merged = {
            key: getattr(own, key) if getattr(own, key) is not None else getattr(self, key)
            for key in ProbeBudget.__struct_fields__
        }
        return ProbeBudget(**merged)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        probe = target.datasets[0]
        budget = self.budget(probe)
        dataset = inputs.dataset(probe)
        detections = inputs.detections(probe)
        for name in budget.classes or ():
            if name not in detections.classes:
                raise DataError(f"budget of {name!r}: {unknown('class', name, detections.classes)}")
        threshold = (
            inputs.project.score_threshold
            if budget.score_threshold is None
            else budget.score_threshold
        )
        false = false_boxes(dataset, detections, threshold)
        image = detections.image[false]
        on_image = np.bincount(image, minlength=len(dataset.images))
        of_class = np.bincount(detections.category[false], minlength=len(detections.classes))
        images = int(np.count_nonzero(on_image))
        class_budget = budget.classes or {}
        return Outcome(
            message=_message(len(false), images, len(dataset.images), budget),
            measurements=[
                Measurement.at_most("boxes", len(false), budget.max_boxes),
                Measurement.at_most("images", images, budget.max_images),
                Measurement.at_most(
                    "boxes_per_image", int(on_image.max()), budget.max_boxes_per_image
                ),
                *(
                    Measurement.at_most(f"boxes[{name}]", int(count), class_budget.get(name))
                    for name, count in zip(detections.classes, of_class, strict=True)
                    if count or name in class_budget
                ),
                Measurement.shown("images_total", len(dataset.images)),
                Measurement.shown(SCORE_THRESHOLD, threshold),
                *(
                    [Measurement.shown("max_score", float(detections.score[false[0]]))]
                    if len(false)
                    else []
                ),
            ],
            findings=(
                Finding(
                    text=f"{label} {detections.score[row]:.2f}",
                    dataset=probe,
                    image=str(dataset.images.file_name[detections.image[row]]),
                    box=tuple(detections.xywh[row].tolist()),
                    label=label,
                    score=float(detections.score[row]),
                )
                for row in false
                for label in (detections.classes[detections.category[row]],)
            ),
            findings_total=len(false),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.probe-fp]\nmax-boxes = 0",
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={"compliant": {"a_1.jpg": [("helmet_off", 0.2, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.probe-fp]\nmax-boxes = 0",
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={"compliant": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]}},
    )


def _message(boxes: int, images: int, total: int, budget: ProbeBudget) -> str:
    counted = "1 false box" if boxes == 1 else f"{boxes} false boxes"
    limits = [
        (budget.max_boxes, "budget {}"),
        (budget.max_images, "at most {} frames"),
        (budget.max_boxes_per_image, "at most {} on a frame"),
    ]
    allowed = [text.format(limit) for limit, text in limits if limit is not None]
    return ", ".join([f"{counted} on {images} of {total} frames", *allowed])
