"""The metric that a rule compares with a floor, by the protocol that `[scoring]` names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.metrics.score_rules import interval_of_metric
from pytest_detgate.rules.rule import OptionError, option_check, refuse
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.metrics.ultralytics import (
    METRICS,
    UltralyticsMetric,
    UltralyticsReplicates,
)
from pytest_detgate.scoring.score_card import Metric

ClassMetricName = Literal["AP", "AP50", "AP75", "mAP50-95", "mAP50", "mAP75", "P", "R", "F1"]
MetricName = Literal[ClassMetricName, "AR1", "AR10", "AR100"]

_BY_COCO_NAME: Final[dict[str, UltralyticsMetric]] = {
    "AP": "mAP50-95",
    "AP50": "mAP50",
    "AP75": "mAP75",
}
_VALUE_NAMES: Final[dict[UltralyticsMetric, str]] = {
    "mAP50-95": "map50_95",
    "mAP50": "map50",
    "mAP75": "map75",
    "P": "precision",
    "R": "recall",
    "F1": "f1",
}
METRIC_NAMES: Final = " ".join([*_VALUE_NAMES.values(), "best_f1_score"])
"""The names of what a rule measures by the protocol of Ultralytics."""
_NOT_FROM_RECALL: Final = ("P", "F1")
"""Metrics that may be higher than the recall that is reached, which therefore does not limit
them."""


@option_check
def require_metric(metric: MetricName, project: Project) -> None:
    """Refuse a metric that the protocol of the project does not have."""
    if project.tables.scoring.protocol == "ultralytics":
        if metric.startswith("AR"):
            what = f"Ultralytics has no {metric}; its metrics are {', '.join(METRICS)}"
            refuse(OptionError(what, "metric"))
    elif metric in METRICS:
        coco = next((name for name, other in _BY_COCO_NAME.items() if other == metric), None)
        instead = "" if coco is None else f", or write {coco} for the metric of COCO"
        refuse(
            OptionError(
                f"{metric} is a metric of Ultralytics: set [scoring] protocol = "
                f'"ultralytics"{instead}',
                "metric",
            )
        )


@dataclass(frozen=True, slots=True)
class ScoredMetric:
    """A metric of a split: its `name` as lines show it, the `protocol` behind it, and the name of
    its measurement, `value_name`."""

    name: str
    value_name: str
    protocol: str
    inputs: Inputs
    split: str

    def value(self, category: int | None = None) -> float | None:
        """The metric of a class or of all; None where there is no ground truth."""
        raise NotImplementedError

    def bounds_of(
        self, value: float, category: int | None = None
    ) -> Callable[[Intervals], Interval]:
        """A function that gives the bounds of the metric, of which `value` was measured."""
        raise NotImplementedError

    def beside(self, category: int | None = None) -> list[Measurement]:
        """The other numbers that the protocol gives together with this one."""
        return []

    def beside_text(self) -> str:
        """Those numbers of all classes in a sentence."""
        return ""

    def by_class(self) -> dict[str, float | None]:
        """The metric of each class."""
        names = self.inputs.dataset(self.split).classes
        return {name: self.value(number) for number, name in enumerate(names)}


def scored_metric(inputs: Inputs, split: str, metric: MetricName) -> ScoredMetric:
    """Return a metric of a split by the protocol of the project.

    `DataError` where no metric of COCO would mean anything: then none of Ultralytics does.
    """
    card = inputs.scores(split)
    if inputs.project.tables.scoring.protocol == "coco":
        (coco,) = (name for name in get_args(Metric) if name == metric)
        name = "ap" if metric.startswith("AP") else "ar"
        return _CocoMetric(coco, name, card.protocol, inputs, split)
    named = _BY_COCO_NAME.get(metric)
    (own,) = (name for name in METRICS if name in (named, metric))
    protocol = inputs.ultralytics(split).protocol
    return _OwnMetric(own, _VALUE_NAMES[own], protocol, inputs, split)


class _CocoMetric(ScoredMetric):
    __slots__ = ()

    name: Metric

    def value(self, category: int | None = None) -> float | None:
        card = self.inputs.scores(self.split)
        if category is None:
            return card.value_of(self.name)
        names = self.inputs.dataset(self.split).classes
        value: float | None = getattr(card.classes[names[category]], self.name)
        return value

    def bounds_of(
        self, value: float, category: int | None = None
    ) -> Callable[[Intervals], Interval]:
        def bounds(intervals: Intervals) -> Interval:
            draws = intervals.resampling
            drawn = self.inputs.replicates(self.split, "all", draws.replicates, draws.seed)
            return interval_of_metric(intervals, drawn, self.name, value, category)

        return bounds


class _OwnMetric(ScoredMetric):
    """A metric of Ultralytics."""

    __slots__ = ()

    name: UltralyticsMetric

    def value(self, category: int | None = None) -> float | None:
        return self.inputs.ultralytics(self.split).value(self.name, category)

    def bounds_of(
        self, value: float, category: int | None = None
    ) -> Callable[[Intervals], Interval]:
        def bounds(intervals: Intervals) -> Interval:
            draws = intervals.resampling
            drawn = self.inputs.ultralytics_replicates(self.split, draws.replicates, draws.seed)
            return _interval(intervals, drawn, self.name, value, category)

        return bounds

    def beside(self, category: int | None = None) -> list[Measurement]:
        scores = self.inputs.ultralytics(self.split)
        others = {name: scores.value(name, category) for name in METRICS if name != self.name}
        shown = [
            Measurement.shown(_VALUE_NAMES[name], value)
            for name, value in others.items()
            if value is not None
        ]
        return [*shown, Measurement.shown("best_f1_score", scores.best_score)]

    def beside_text(self) -> str:
        scores = self.inputs.ultralytics(self.split)
        others = [
            f"{name} {value:.3f}"
            for name in METRICS
            if name != self.name and (value := scores.value(name)) is not None
        ]
        return f"; {', '.join(others)} at score {scores.best_score:.3f}"


def _interval(
    intervals: Intervals,
    drawn: UltralyticsReplicates,
    metric: UltralyticsMetric,
    value: float,
    category: int | None,
) -> Interval:
    draws = drawn.values_of(metric, category)
    if intervals.method == "percentile":
        return intervals.of_draws(draws, (0.0, 1.0), 0)
    seen = dataclasses.replace(drawn.seen(metric, category), copies=intervals.copies)
    interval = intervals.of_draws(draws, (0.0, 1.0), seen.units)
    if metric in _NOT_FROM_RECALL:
        return widened(interval, value, value)
    return seen.limit(interval, value)
