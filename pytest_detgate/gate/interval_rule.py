"""What rules on bootstrapped figures have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Confidence, Count, Share
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.findings import Bound, Interval
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import (
    Inputs,
    OptionError,
    ScoreRule,
    Target,
    require_limit,
    require_names,
)
from pytest_detgate.scoring.resampling import Resampling, percentile_interval

OwnConfidence = Annotated[
    Confidence, Meta(description="Of the bounds; omitted: that of [scoring].")
]
OwnReplicates = Annotated[
    Count, Meta(description="Draws of the bootstrap; omitted: that of [scoring].")
]
OwnSeed = Annotated[Count, Meta(description="Of the bootstrap; omitted: that of [scoring].")]
TooLittle = Annotated[
    Literal["fail", "warn"],
    Meta(description="What too little evidence does: fail as not evaluated, or only warn."),
]
"""The option `too-little` of every rule that asks for enough evidence."""


class BootstrapOptions(Protocol):
    """The options of a rule on a bootstrapped figure; None stands for what [scoring] says."""

    @property
    def bound(self) -> Bound: ...
    @property
    def confidence(self) -> float | None: ...
    @property
    def replicates(self) -> int | None: ...
    @property
    def seed(self) -> int | None: ...


class IntervalRule(ScoreRule, frozen=True, kw_only=True):
    """A rule that holds a figure of the evaluated split, or its bootstrapped lower bound, against
    a floor."""

    bound: Annotated[
        Literal["point", "lower"],
        Meta(description="What is held against the floor: the measured value, or its lower bound."),
    ] = "point"
    confidence: OwnConfidence | None = None
    replicates: OwnReplicates | None = None
    seed: OwnSeed | None = None
    too_little: TooLittle = "fail"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_draws(self, project)

    def draws(self, project: Project) -> int:
        """How many replicates the bootstrap has."""
        return draws_of(self, project)

    def first_seed(self, project: Project) -> int:
        """The seed of the bootstrap."""
        return project.tables.scoring.seed if self.seed is None else self.seed

    def interval(
        self,
        inputs: Inputs,
        split: str,
        figure: Callable[[Resampling], NDArray[np.float64]],
        images: NDArray[np.bool_] | None = None,
    ) -> Interval | None:
        """The bounds of a figure of a split; see `bootstrapped`."""
        return bootstrapped(self, inputs, split, figure, images)


def draws_of(options: BootstrapOptions, project: Project) -> int:
    """How many replicates the bootstrap has."""
    return project.tables.scoring.replicates if options.replicates is None else options.replicates


def require_draws(options: BootstrapOptions, project: Project) -> None:
    """Raise `OptionError` where a bound is to be held and nothing is drawn."""
    if options.bound != "point" and not draws_of(options, project):
        raise OptionError(f'bound = "{options.bound}" needs replicates, and there are 0', "bound")


def bootstrapped(
    options: BootstrapOptions,
    inputs: Inputs,
    name: str,
    figure: Callable[[Resampling], NDArray[np.float64]],
    images: NDArray[np.bool_] | None = None,
) -> Interval | None:
    """The bounds of a figure, which `figure` computes for every draw of a bootstrap over a split
    or probe, or over some of its images (images,).

    None without replicates. Where the evidence is too little for bounds, the value alone is
    reported if nothing but the value is asked for.
    """
    scoring = inputs.project.tables.scoring
    draws = draws_of(options, inputs.project)
    if not draws:
        return None
    confidence = scoring.confidence if options.confidence is None else options.confidence
    seed = scoring.seed if options.seed is None else options.seed
    resampling = inputs.resampling(name, draws, seed)
    if images is not None:
        resampling = dataclasses.replace(resampling, units=resampling.units.only(images))
    try:
        return percentile_interval(figure(resampling), confidence, resampling)
    except TooLittleEvidenceError:
        if options.bound != "point":
            raise
        return None


class ClassFloorRule(IntervalRule, frozen=True, kw_only=True):
    """A rule with a floor for every class of the evaluated split, one item for each class.

    `figure` is what it measures, in a word.
    """

    figure: ClassVar[str]

    min: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )
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
        require_names("class", self.classes or (), _classes(project), table=["classes"])

    def targets(self, project: Project) -> Iterator[Target]:
        known = _classes(project) if self.min is not None else None
        if known is None and not self.classes:
            # The annotation file cannot be read: one item remains, to say so.
            yield self.target(project)
        for name in known or self.classes or ():
            yield self.target(project, name)

    def floor(self, name: str) -> float | None:
        """The floor of a class."""
        return (self.classes or {}).get(name, self.min)

    def support(self, target: Target, inputs: Inputs) -> ClassSupport:
        """The class of an item and the ground truth that stands behind it.

        `DataError` where there is none, `TooLittleEvidenceError` where there is less than asked.
        """
        split = target.datasets[0]
        dataset = inputs.dataset(split)
        if target.label is None:
            raise DataError(f"the classes of {split} could not be read")
        category = dataset.classes.index(target.label)
        of_class = (dataset.boxes.category == category) & ~dataset.boxes.crowd
        images = len(np.unique(dataset.boxes.image[of_class]))
        boxes = int(np.count_nonzero(of_class))
        if not boxes:
            raise DataError(
                f"class {target.label!r} has no ground truth in {split}, so its {self.figure} is "
                "not defined"
            )
        require_support(
            f"class {target.label!r} in {split}",
            {"boxes": (boxes, self.min_boxes), "images": (images, self.min_images)},
        )
        return ClassSupport(target.label, category, boxes, images)


@dataclass(frozen=True, slots=True)
class ClassSupport:
    """A class, its index in the split, its ground-truth boxes and the images that hold them."""

    name: str
    category: int
    boxes: int
    images: int


def _classes(project: Project) -> tuple[str, ...] | None:
    try:
        return project.classes(project.evaluate_on)
    except DataError:
        return None


def require_support(what: str, counts: dict[str, tuple[int, int | None]]) -> None:
    """Raise `TooLittleEvidenceError` where there is less than `{noun: (count, least)}` asks for."""
    for noun, (count, least) in counts.items():
        if least is not None and count < least:
            raise TooLittleEvidenceError(
                f"{what} has {count} {noun}, and min-{noun} asks for {least}"
            )


def figure_and_floor(value: float, floor: float | None, where: str = "") -> str:
    """A score and its floor in a sentence, `0.735 on val, floor 0.6` with ` on val` for `where`,
    with as many digits as it takes to tell them apart."""
    if floor is None:
        return f"{value:.3f}{where}"
    exact = (at for at in range(3, 17) if value == floor or round(value, at) != round(floor, at))
    return f"{value:.{next(exact, 17)}f}{where}, floor {floor:.15g}"


def said(interval: Interval | None) -> str:
    """The bounds of a score as the end of a sentence: `; 95 % bounds 0.841 and 0.905`."""
    if interval is None:
        return ""
    return f"; {100 * interval.confidence:g} % bounds {interval.low:.3f} and {interval.high:.3f}"
