"""The rule `mean-ap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.evidence import Chart, Evidence
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, value_and_floor
from pytest_detgate.rule_evidence.protocol_charts import protocol_curves
from pytest_detgate.rule_evidence.score_charts import ap_by_class
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import IntervalRule, confidence_of, require_support
from pytest_detgate.rules.metrics.scored_metric import (
    METRIC_NAMES,
    MetricName,
    require_metric,
    scored_metric,
)
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import Outcome, Target


class MeanAp(IntervalRule, frozen=True, kw_only=True):
    """AP or AR over all classes of the evaluated split must reach a floor.

    ## What it checks

    `metric` names the metric. It is computed by the COCO protocol of pycocotools, unrounded. With
    `[scoring] protocol = "ultralytics"` it is the number that Ultralytics' validator prints: mAP50,
    mAP50-95 (`AP`), P, R or F1; the others are shown beside it, with the score of best F1. The
    message names the protocol.

    The bounds come from a bootstrap over clips, or over images if there are no clips, with room for
    one more clip unlike all clips seen. With `bound = "lower"` the lower bound is compared with
    `min`.

    ## Why it matters

    It is the one number that everybody compares. It hides single classes (see `class-ap`) and every
    false box that scores below the last true one (see `probe-fp`).

    ## How to fix

    Look at the classes of `class-ap` first: one weak class lowers the mean.
    """

    code: ClassVar[str] = "mean-ap"
    measures: ClassVar[str] = f"ap ar {METRIC_NAMES}"

    min: Annotated[Share, Meta(description="Floor of the metric.")]
    metric: MetricName = "AP"
    min_images: (
        Annotated[Count, Meta(description="Smallest number of images that proves anything.")] | None
    ) = None

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        confidence = confidence_of(self, inputs.project)
        (split,) = target.datasets
        yield found_share(self.metric, split, self.min, confidence, self.bound)

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_metric(self.metric, project)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        metric = scored_metric(inputs, split, self.metric)
        value = metric.value()
        if value is None:
            raise DataError(f"{metric.name} is not defined on {split}: it has no box to find")
        images = len(inputs.dataset(split).images)
        require_support(split, {"images": (images, self.min_images)})
        value_of = metric.bounds_of(value)
        interval = self.interval(inputs, split, value_of)
        measured = Measurement.at_least(
            metric.value_name, value, self.min, bound=self.bound, interval=interval
        )
        matches = inputs.matches(split)
        return Outcome(
            message=f"{metric.name} {value_and_floor(value, self.min, f' on {split}')} "
            f"({metric.protocol}){bounds_text(interval)}{metric.beside_text()}",
            measurements=[measured, *metric.beside()],
            evidence=Evidence(charts=self._charts(inputs, split)),
            needs=needs_of_metric(
                self, inputs, split, measured, value_of, matches, what=metric.name
            ),
        )

    def _charts(self, inputs: Inputs, split: str) -> list[Chart]:
        """The curve of the mean, and the classes that make it."""
        shown: MetricName = "AP" if self.metric.startswith("AR") else self.metric
        metric = scored_metric(inputs, split, shown)
        values = metric.by_class()
        category = {name: index for index, name in enumerate(values)}

        def interval(name: str) -> Interval | None:
            value = values[name]
            if value is None:
                return None
            try:
                return self.interval(inputs, split, metric.bounds_of(value, category[name]))
            except TooLittleEvidenceError:
                return None

        charts = [
            protocol_curves(inputs, split, f"the mean over classes on {split}"),
            ap_by_class(values, interval, split, metric.name),
        ]
        return [chart for chart in charts if chart is not None]

    passing: ClassVar[Example] = Example(
        config="[rules.mean-ap]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.mean-ap]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 60, 60, 30, 30)]}},
    )
