"""The rule `calibration`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.evidence import Evidence, LineChart, Panel, Series
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted, plotted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.score_rules import require_support
from pytest_detgate.rules.options import require_limit, require_names, unknown_classes
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval
from pytest_detgate.scoring.metrics.calibration import Calibration as Bins
from pytest_detgate.scoring.metrics.calibration import calibration_of


class Calibration(ScoreRule, frozen=True, kw_only=True):
    """Scores must say how often the detector is right.

    ## What it checks

    `ece` is the expected calibration error on the evaluated split. Detections are put into `bins`
    of equal width by score. In each bin, the mean score is compared with the share of true
    positives (IoU ≥ 0.5, one to one). The differences are averaged over the detections.
    `ece[CLASS]` is the error for the detections of one class. Detections that match crowd regions
    are left out.

    ## Why it matters

    The operating point is a score. If 0.8 means nine in ten for one class and one in two for
    another, or if its meaning changes from one training to the next, no threshold does what it was
    chosen for.

    ## How to fix

    Fit the scores on a separate split (temperature scaling, isotonic regression), or train with
    label smoothing or a focal loss. Many detections of very low score make the error small:
    `min-score` leaves them out.
    """

    code: ClassVar[str] = "calibration"
    measures: ClassVar[str] = "ece ece[CLASS] detections"

    max: Annotated[Share, Meta(description="Largest error over all classes.")] | None = None
    classes: (
        Annotated[dict[str, Share], Meta(description="Largest errors of single classes.")] | None
    ) = None
    bins: Annotated[int, Meta(ge=1, le=1000, description="Number of bins.")] = 10
    min_score: Annotated[Share, Meta(description="Detections with a lower score are left out.")] = (
        0.0
    )
    min_detections: (
        Annotated[
            Count,
            Meta(
                description="With fewer, of all classes or of a class with a limit, there is too "
                "little evidence."
            ),
        ]
        | None
    ) = None
    too_little: Annotated[
        Literal["fail", "warn"],
        Meta(description="Effect of too little evidence: fail as not evaluated, or only warn."),
    ] = "fail"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "max", "classes")
        try:
            known: tuple[str, ...] | None = project.classes(project.evaluate_on)
        except DataError:
            known = None
        require_names("class", self.classes or (), known, table=["classes"])

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        classes = inputs.dataset(split).classes
        limits = self.classes or {}
        missing: list[DetgateError] = [*unknown_classes(limits, classes)]
        bins = calibration_of(inputs.matches(split), self.bins, self.min_score)
        error = self._error(bins, split, judged=self.max is not None)
        by_class = {}
        for number, name in enumerate(classes):
            if name in limits or bins.detections(number):
                what = f"class {name!r} of {split}"
                try:
                    by_class[name] = self._error(bins, what, number, judged=name in limits)
                except DetgateError as reason:
                    missing.append(reason)
        return Outcome(
            message=_message(bins, error, split),
            measurements=[
                Measurement.at_most("ece", error, self.max),
                *(
                    Measurement.at_most(f"ece[{name}]", of_class, limits.get(name))
                    for name, of_class in by_class.items()
                ),
                Measurement.shown("detections", bins.detections()),
            ],
            evidence=Evidence(charts=[_chart(bins, split, inputs.project)]),
            missing=missing,
        )

    def _error(self, bins: Bins, what: str, number: int | None = None, *, judged: bool) -> float:
        """The error of one class or of all; raises where it has a limit and there is
        too little to compute it from."""
        if judged:
            counted = bins.detections(number)
            counts = {"detections": (counted, self.min_detections)}
            require_support(what, counts, of_data=False)
        error = bins.expected_error(number)
        if error is None:
            least = f" with a score of at least {self.min_score:g}" if self.min_score else ""
            raise DataError(f"{what} has no detection{least}, so its calibration is not defined")
        return error

    passing: ClassVar[Example] = Example(
        config="[rules.calibration]\nmax = 0.1",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.95, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.calibration]\nmax = 0.1",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.95, 60, 60, 30, 30)]}},
    )


def _message(bins: Bins, error: float, split: str) -> str:
    total = bins.detections()
    bias = float(bins.score.sum() - bins.true.sum()) / total
    side = "too high" if bias > 0 else "too low"
    return (
        f"calibration error {error:.3f} on {split}, {counted(total, 'detection')}; "
        f"scores are {abs(bias):.3f} {side} in the mean"
    )


def _chart(bins: Bins, split: str, project: Project) -> LineChart:
    """What the scores of each bin are worth, over all classes, with exact bounds of the share."""
    count, true = bins.count.sum(axis=0), bins.true.sum(axis=0)
    filled = np.flatnonzero(count)
    mean = plotted(bins.score.sum(axis=0)[filled] / count[filled])
    share = true[filled] / count[filled]
    confidence = project.tables.scoring.confidence
    bounds = [
        binomial_interval(right, total, confidence)
        for right, total in zip(true[filled].tolist(), count[filled].tolist(), strict=True)
    ]
    x = [0.0 if value is None else value for value in mean]
    worst = int(np.argmax(np.abs(np.array(x) - share) * count[filled]))
    low, high = bins.edges[filled[worst]], bins.edges[filled[worst] + 1]
    return LineChart(
        title=f"What scores are worth on {split}",
        about=f"Share of right detections by score; on the diagonal a score says what it is worth. "
        f"Most of the error comes from scores of {low:g} to {high:g}: {x[worst]:.2f} in the mean, "
        f"and {share[worst]:.2f} are right. "
        + _cure(x[worst] > share[worst], seen=bool(high > project.score_threshold)),
        label="mean score",
        panels=[
            Panel(
                label="share of true positives",
                series=[
                    Series(
                        name="detections",
                        x=x,
                        y=plotted(share.tolist()),
                        low=plotted(bound.low for bound in bounds),
                        high=plotted(bound.high for bound in bounds),
                    ),
                    Series(name="perfect", x=[0.0, 1.0], y=[0.0, 1.0]),
                ],
                span=(0.0, 1.0),
            ),
            Panel(
                label="detections",
                series=[Series(name="detections", x=x, y=count[filled].tolist())],
            ),
        ],
        span=(0.0, 1.0),
    )


def _cure(too_high: bool, *, seen: bool) -> str:
    if not seen:
        return "They are under the operating point: min-score would leave them out."
    direction = "lets through more false boxes" if too_high else "leaves out more true boxes"
    return f"A threshold there {direction} than it promises: fit the scores on a separate split."
