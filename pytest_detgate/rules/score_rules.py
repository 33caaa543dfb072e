"""What rules on bootstrapped figures have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Confidence, Count
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Bound, Interval
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.rule import OptionError
from pytest_detgate.scoring.bounds.bootstrap import Replicates
from pytest_detgate.scoring.bounds.resampling import Resampling, percentile_interval
from pytest_detgate.scoring.score_card import Area, Metric

LEAST_DRAWS = 200
"""Draws of a bootstrap whose bound a rule may hold against a limit."""
OwnConfidence = Annotated[
    Confidence, Meta(description="Confidence of the bounds. Omitted: that of [scoring].")
]
OwnReplicates = Annotated[
    Count,
    Meta(
        description="Draws of the bootstrap. Omitted: that of [scoring]. To compare a bound with a "
        "limit, 200 or more are needed."
    ),
]
OwnSeed = Annotated[Count, Meta(description="Seed of the bootstrap. Omitted: that of [scoring].")]
TooLittle = Annotated[
    Literal["fail", "warn"],
    Meta(description="Effect of too little evidence: fail as not evaluated, or only warn."),
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
        Meta(
            description="What is compared with the floor: the measured value, or its lower bound."
        ),
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

    def interval(
        self,
        inputs: Inputs,
        split: str,
        figure: Callable[[Resampling], Drawn],
        images: NDArray[np.bool_] | None = None,
    ) -> Interval | None:
        """The bounds of a figure of a split; see `bootstrapped`."""
        return bootstrapped(self, inputs, split, figure, images)

    def metric_interval(
        self,
        inputs: Inputs,
        split: str,
        metric: Metric,
        value: float,
        *,
        area: Area = "all",
        category: int | None = None,
    ) -> Interval | None:
        """The bounds of one of COCO's figures of a split, of which `value` was measured."""

        def figure(draws: Resampling) -> Drawn:
            replicates = inputs.replicates(split, area, draws.replicates, draws.seed)
            return drawn_metric(replicates, metric, value, category)

        return self.interval(inputs, split, figure)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A figure in every draw of a bootstrap, (B,), and what keeps its interval from being better
    than the exact one of what was seen."""

    values: NDArray[np.float64]
    limit: Callable[[Interval], Interval]


def drawn_metric(
    replicates: Replicates, metric: Metric, value: float, category: int | None = None
) -> Drawn:
    """One of COCO's figures, of which `value` was measured."""
    behind = replicates.seen(metric, category)
    return Drawn(
        replicates.figure(metric, category), lambda interval: behind.limit(interval, value)
    )


def draws_of(options: BootstrapOptions, project: Project) -> int:
    """How many replicates the bootstrap has."""
    return project.tables.scoring.replicates if options.replicates is None else options.replicates


def require_draws(options: BootstrapOptions, project: Project) -> None:
    """Raise `OptionError` where a bound is to be held and too little is drawn for one: with a
    few draws it is a matter of the seed."""
    draws = draws_of(options, project)
    if options.bound != "point" and draws < LEAST_DRAWS:
        raise OptionError(
            f'bound = "{options.bound}" needs at least {LEAST_DRAWS} replicates, and there are '
            f"{draws}",
            "bound",
        )


def bootstrapped(
    options: BootstrapOptions,
    inputs: Inputs,
    name: str,
    figure: Callable[[Resampling], Drawn],
    images: NDArray[np.bool_] | None = None,
) -> Interval | None:
    """The bounds of a figure, which `figure` computes for every draw of a bootstrap over a split
    or probe, or over some of its images (images,). They are never better than the exact ones of
    what was seen, nor on the wrong side of its value.

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
        drawn = figure(resampling)
        return drawn.limit(percentile_interval(drawn.values, confidence, resampling))
    except TooLittleEvidenceError:
        if options.bound != "point":
            raise
        return None


def require_support(what: str, counts: dict[str, tuple[int, int | None]]) -> None:
    """Raise `TooLittleEvidenceError` where there is less than `{noun: (count, least)}` asks for."""
    for noun, (count, least) in counts.items():
        if least is not None and count < least:
            raise TooLittleEvidenceError(
                f"{what} has {count} {noun}, and min-{noun} asks for {least}"
            )
