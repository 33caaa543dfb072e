"""The base class of rules with a floor for every class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.score_rules import IntervalRule, confidence_of, require_support
from pytest_detgate.rules.options import require_limit, require_names
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import Target

MinBoxes = Annotated[
    Count,
    Meta(description="Smallest number of ground-truth boxes of a class that proves anything."),
]
MinImages = Annotated[
    Count, Meta(description="Smallest number of images with the class that proves anything.")
]


class ClassFloorRule(IntervalRule, frozen=True, kw_only=True):
    """A rule with a floor for every class of the evaluated split, one item for each class.

    `metric_name` is the word for its metric.
    """

    metric_name: ClassVar[str]

    min: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )
    min_boxes: MinBoxes | None = None
    min_images: MinImages | None = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min", "classes")
        require_names("class", self.classes or (), project.evaluated_classes, table=["classes"])

    def targets(self, project: Project) -> Iterator[Target]:
        return class_targets(self, project, self.classes, every=self.min is not None)

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        floor = self.min if target.label is None else self.floor(target.label)
        assert floor is not None
        yield found_share(
            f"{self.metric_name} of {target.label or 'each class'}",
            target.datasets[0],
            floor,
            confidence_of(self, inputs.project),
            self.bound,
            category=target.label,
            score=self.planned_score(inputs.project),
        )

    def planned_score(self, project: Project) -> float | None:
        """The score over which a detection counts; None where any does."""
        return None

    def floor(self, name: str) -> float | None:
        """The floor of a class."""
        return (self.classes or {}).get(name, self.min)

    def support(self, target: Target, inputs: Inputs) -> ClassSupport:
        """The class of an item; see `class_support`."""
        return class_support(target, inputs, self.metric_name, self.min_boxes, self.min_images)


def class_targets(
    rule: ScoreRule, project: Project, classes: Mapping[str, float] | None, *, every: bool
) -> Iterator[Target]:
    """Yield an item for each class: those with a separate limit, or `every` one."""
    known = project.evaluated_classes if every else None
    # Two categories of one name are one item, which says that they cannot be distinguished.
    names = dict.fromkeys(known or classes or ())
    if not names:
        # There are no classes, or they cannot be read: one item remains, which says so.
        yield rule.target(project)
    for name in names:
        yield rule.target(project, name)


def class_support(
    target: Target, inputs: Inputs, metric: str, min_boxes: int | None, min_images: int | None
) -> ClassSupport:
    """Return the class of an item and its ground truth that is judged: without crowd regions, on
    images that are listed. `metric` is the word for the metric.

    `NotLookedAtError` where there is none, `TooLittleEvidenceError` where there is less than asked.
    """
    split = target.datasets[0]
    dataset = inputs.dataset(split)
    require_classes(dataset)
    if target.label is None:
        raise DataError(f"the classes of {split} could not be read")
    boxes_of, category = dataset.boxes, dataset.classes.index(target.label)
    judged = (boxes_of.category == category) & ~boxes_of.crowd & (boxes_of.image != UNLISTED)
    images = len(np.unique(boxes_of.image[judged]))
    boxes = int(np.count_nonzero(judged))
    if not boxes:
        raise NotLookedAtError(
            f"class {target.label!r} has no ground truth in {split}, so its {metric} is not "
            "defined; `classes` under [dataset] lists the classes that count",
            Extent(unit="classes", to_look_at=1, looked_at=0),
        )
    require_support(
        f"class {target.label!r} in {split}",
        {"boxes": (boxes, min_boxes), "images": (images, min_images)},
    )
    return ClassSupport(target.label, category, boxes, images)


def require_classes(dataset: Dataset) -> None:
    """Raise `NotLookedAtError` where a split lists no class at all."""
    if not dataset.classes:
        raise NotLookedAtError(
            f"{dataset.name} lists no class, so there is none to look at",
            Extent(unit="classes", to_look_at=0, looked_at=0),
        )


@dataclass(frozen=True, slots=True)
class ClassSupport:
    """A class, its index in the split, its ground-truth boxes and the images that hold them."""

    name: str
    category: int
    boxes: int
    images: int
