"""Base classes and options of rules on bootstrapped metrics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Confidence, Count
from pytest_detgate.counts import with_count
from pytest_detgate.errors import ConfigError, TooLittleEvidenceError
from pytest_detgate.findings import Bound, Interval
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.rule import OptionError, option_check, refuse
from pytest_detgate.scoring.bounds.bootstrap import Replicates
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Units, counted_units, require_units
from pytest_detgate.scoring.bounds.sign_flip import least_p_value
from pytest_detgate.scoring.score_card import Area, Metric

LEAST_DRAWS = 200
"""Draws of a bootstrap, at least, whose bound a rule may compare with a limit."""
LEAST_ERROR = 1e-15
"""Numbers near 1 have no more digits."""
LEAST_BEYOND = 10
"""Draws beyond that bound, at least, on average: 200 for a confidence of 0.95."""
OwnConfidence = Annotated[
    Confidence, Meta(description="Confidence of the bounds. Omitted: that of [scoring].")
]
OwnReplicates = Annotated[
    Count,
    Meta(
        description="Draws of the bootstrap. Omitted: that of [scoring]. To compare a bound with a "
        "limit, 10 / (1 - confidence) or more are needed, and 200 at least."
    ),
]
OwnSeed = Annotated[Count, Meta(description="Seed of the bootstrap. Omitted: that of [scoring].")]
TooLittle = Annotated[
    Literal["fail", "warn"],
    Meta(description="Effect of too little evidence: fail as not evaluated, or only warn."),
]
"""The option `too-little` of every rule that asks for enough evidence."""


class HasConfidence(Protocol):
    """Options with a confidence of bounds; None means that of [scoring]."""

    @property
    def confidence(self) -> float | None: ...


class HasSeed(Protocol):
    """Options with a seed of random draws; None means that of [scoring]."""

    @property
    def seed(self) -> int | None: ...


class BootstrapOptions(HasConfidence, HasSeed, Protocol):
    """The options of a rule on a bootstrapped metric; None means the value of [scoring]."""

    @property
    def bound(self) -> Bound: ...
    @property
    def replicates(self) -> int | None: ...


class IntervalRule(ScoreRule, frozen=True, kw_only=True):
    """A rule that compares a metric of the evaluated split, or its bootstrapped lower bound, with a
    floor."""

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
    has_exact_bounds: ClassVar[bool] = False
    """Whether bounds are computed without drawing."""

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_draws(self, project, exact=self.has_exact_bounds)

    def draws(self, project: Project) -> int:
        """The number of replicates of the bootstrap."""
        return draws_of(self, project)

    def interval(
        self,
        inputs: Inputs,
        split: str,
        value_of: Callable[[Intervals], Interval],
        images: NDArray[np.bool_] | None = None,
    ) -> Interval | None:
        """The bounds of a metric of a split; see `interval_of`."""
        return interval_of(self, inputs, split, value_of, images)

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
        """The bounds of one of COCO's metrics of a split, of which `value` was measured."""

        value_of = self.metric_figure(inputs, split, metric, value, area=area, category=category)
        return self.interval(inputs, split, value_of)

    def metric_figure(
        self,
        inputs: Inputs,
        split: str,
        metric: Metric,
        value: float,
        *,
        area: Area = "all",
        category: int | None = None,
    ) -> Callable[[Intervals], Interval]:
        """A function that gives the bounds of one of COCO's metrics by any intervals."""

        def value_of(intervals: Intervals) -> Interval:
            draws = intervals.resampling
            replicates = inputs.replicates(split, area, draws.replicates, draws.seed)
            return interval_of_metric(intervals, replicates, metric, value, category)

        return value_of


def interval_of_metric(
    intervals: Intervals,
    replicates: Replicates,
    metric: Metric,
    value: float,
    category: int | None = None,
) -> Interval:
    """Return the interval of one of COCO's metrics, of which `value` was measured."""
    drawn = replicates.values_of(metric, category)
    if intervals.method == "percentile":
        return intervals.of_draws(drawn, (0.0, 1.0), 0)
    seen = dataclasses.replace(replicates.seen(metric, category), copies=intervals.copies)
    return seen.limit(intervals.of_draws(drawn, (0.0, 1.0), seen.units), value)


def confidence_of(options: HasConfidence, project: Project) -> float:
    """Return the confidence of bounds that options give, else that of `[scoring]`. A bound that is
    compared with a limit has a higher one where `[evidence]` plans several looks."""
    own = options.confidence
    planned = project.tables.scoring.confidence if own is None else own
    if (getattr(options, "bound", None) or "point") == "point":
        return planned
    return with_looks(planned, project)


def with_looks(confidence: float, project: Project) -> float:
    """Return the confidence that each of the looks which `[evidence]` plans has to have, so that
    all of them together have the one given."""
    evidence = project.tables.evidence
    each = confidence if evidence is None else evidence.confidence(confidence)
    if 1 - each < LEAST_ERROR:
        raise ConfigError(
            f"a confidence of {confidence:.15g} and the looks of [evidence] leave each model an "
            f"error of less than {LEAST_ERROR:g}, which cannot be computed"
        )
    return each


def draws_of(options: BootstrapOptions, project: Project) -> int:
    """The number of replicates of the bootstrap."""
    return project.tables.scoring.replicates if options.replicates is None else options.replicates


def seed_of(options: HasSeed, project: Project) -> int:
    """The seed of random draws that options give, else that of `[scoring]`."""
    return project.tables.scoring.seed if options.seed is None else options.seed


@option_check
def require_draws(options: BootstrapOptions, project: Project, *, exact: bool = False) -> None:
    """Refuse a bound with too few draws: with a few it depends on the seed, and where fewer than
    ten of them are beyond it, it is too narrow. An `exact` one needs no draws for its confidence,
    but with none there are no bounds at all."""
    draws = draws_of(options, project)
    if options.bound == "point":
        return
    if project.tables.scoring.interval == "percentile":
        what = 'needs [scoring] interval = "auto": a bare percentile bootstrap holds far too seldom'
        refuse(OptionError(f'bound = "{options.bound}" {what}', "bound"))
    confidence = confidence_of(options, project)
    beyond = math.ceil(LEAST_BEYOND / (1 - confidence) - 1e-6)
    why, least = "", LEAST_DRAWS
    if beyond > least and not exact:
        least = beyond
        has_looks = with_looks(0.5, project) != 0.5
        why = " and the looks of [evidence]" if has_looks else f" at confidence {confidence:g}"
    require_least_draws(draws, f'bound = "{options.bound}"{why}', "bound", least)


def require_least_draws(draws: int, option: str, key: str, least: int = LEAST_DRAWS) -> None:
    """Refuse an option of a key that needs more draws than there are."""
    if draws < least:
        what = f"needs at least {least:,} replicates, and there are {draws:,}"
        refuse(OptionError(f"{option} {what}", key))


def require_p_value(units: Units, least: float) -> None:
    """Raise `TooLittleEvidenceError` where no p-value of so few units could be below `least`."""
    require_units(units)
    possible = least_p_value(units.count)
    if possible >= least:
        raise TooLittleEvidenceError(
            f"from {counted_units(units)} no p-value is below {possible:.3g}, so "
            f"min-p-value = {least:g} could never fail"
        )


def interval_of(
    options: BootstrapOptions,
    inputs: Inputs,
    name: str,
    value_of: Callable[[Intervals], Interval],
    images: NDArray[np.bool_] | None = None,
    copies: float = 1.0,
) -> Interval | None:
    """Return the bounds of a metric, which `value_of` computes, over the units of a split or
    probe, or over some of its images (images,); with `copies` those that so many times as many
    units would give.

    None without replicates. None also where the evidence is too little for bounds and the options
    compare the value alone.
    """
    scoring = inputs.project.tables.scoring
    draws = draws_of(options, inputs.project)
    if not draws:
        return None
    confidence = confidence_of(options, inputs.project)
    resampling = inputs.resampling(name, draws, seed_of(options, inputs.project))
    if images is not None:
        resampling = dataclasses.replace(resampling, units=resampling.units.only(images))
    try:
        return value_of(Intervals(resampling, confidence, scoring.interval, copies))
    except TooLittleEvidenceError:
        if options.bound != "point":
            raise
        return None


def require_support(
    what: str, counts: dict[str, tuple[int, int | None]], *, of_data: bool = True
) -> None:
    """Raise `TooLittleEvidenceError` where there is less than `{noun: (count, least)}` asks for,
    of the data or, without `of_data`, of what a model detects."""
    for noun, (count, least) in counts.items():
        if least is not None and count < least:
            raise TooLittleEvidenceError(
                f"{what} has {with_count(count, noun)}, and min-{noun} asks for {least}",
                f"{with_count(least - count, f'more {noun}')} of {what}",
                of_data=of_data,
            )
