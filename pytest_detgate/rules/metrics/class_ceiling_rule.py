"""The base class of rules with a ceiling for every class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import number
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.class_floor_rule import (
    ClassSupport,
    MinBoxes,
    MinImages,
    class_support,
    class_targets,
)
from pytest_detgate.rules.metrics.score_rules import (
    OwnConfidence,
    OwnReplicates,
    OwnSeed,
    TooLittle,
    confidence_of,
    require_draws,
)
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import Target


class ClassCeilingRule(ScoreRule, frozen=True, kw_only=True):
    """A rule with a ceiling for every class of the evaluated split, one item for each class.

    `metric_name` is the word for its metric.
    """

    metric_name: ClassVar[str]

    max: Annotated[Share, Meta(description="Ceiling of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Ceilings of single classes.")] | None = (
        None
    )
    min_boxes: MinBoxes | None = None
    min_images: MinImages | None = None
    bound: Annotated[
        Literal["point", "upper"],
        Meta(
            description="What is compared with the ceiling: the measured value, or its upper bound."
        ),
    ] = "point"
    confidence: OwnConfidence | None = None
    replicates: OwnReplicates | None = None
    seed: OwnSeed | None = None
    too_little: TooLittle = "fail"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_draws(self, project)
        require_names("class", self.classes or (), project.evaluated_classes, table=["classes"])

    def targets(self, project: Project) -> Iterator[Target]:
        return class_targets(self, project, self.classes, every=self.limits_every_class())

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        name = target.label
        ceiling = self.ceiling(name or "")
        if ceiling is not None:
            what = f"{self.metric_name} of {name or 'each class'}"
            planned = found_share(
                what,
                target.datasets[0],
                1 - ceiling,
                confidence_of(self, inputs.project),
                self.bound,
                category=name,
            )
            yield replace(planned, text=f"{what} at most {number(ceiling)}", is_floor=False)

    def limits_every_class(self) -> bool:
        """Whether a limit is set that holds for every class."""
        return self.max is not None

    def ceiling(self, name: str) -> float | None:
        """The ceiling of a class."""
        return (self.classes or {}).get(name, self.max)

    def support(self, target: Target, inputs: Inputs) -> ClassSupport:
        """The class of an item; see `class_support`."""
        return class_support(target, inputs, self.metric_name, self.min_boxes, self.min_images)
