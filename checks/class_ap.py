"""The rule `class-ap`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.counts import counted_of
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.evidence import BarChart, Evidence, left_out
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, counted, value_and_floor
from pytest_detgate.rule_evidence.classes import frames_of_class, has_curves
from pytest_detgate.rule_evidence.protocol_charts import protocol_curves
from pytest_detgate.rule_evidence.score_charts import bar
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.class_floor_rule import ClassFloorRule, ClassSupport
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.scored_metric import (
    METRIC_NAMES,
    ClassMetricName,
    ScoredMetric,
    require_metric,
    scored_metric,
)
from pytest_detgate.rules.rule import Outcome, Target

BARS_OF_CLASS = 12
"""Classes that an item compares at most, its own among them."""


class ClassAp(ClassFloorRule, frozen=True, kw_only=True):
    """AP of each class of the evaluated split must reach its floor.

    ## What it checks

    `ap` is the AP of one class by the COCO protocol of pycocotools, unrounded. `boxes` is its
    number of ground-truth boxes. `min` is the floor of every class; `classes` sets floors of single
    classes. A class without ground truth has no AP, so it is not evaluated, and that fails.

    The bounds come from a bootstrap over clips, or over images if there are no clips, with room for
    one more clip unlike all clips seen. If everything is detected on 5 clips, AP may still be 0.55.
    With `bound = "lower"` the lower bound is compared with the floor.

    ## Why it matters

    The mean over classes hides the one class that the product is about.

    ## How to fix

    See how much ground truth the class has: with few boxes it needs more data, with many it needs
    better labels or longer training.
    """

    code: ClassVar[str] = "class-ap"
    measures: ClassVar[str] = f"ap {METRIC_NAMES} boxes images"
    metric_name: ClassVar[str] = "AP"

    metric: ClassMetricName = "AP"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_metric(self.metric, project)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        metric = scored_metric(inputs, split, self.metric)
        value = metric.value(support.category)
        if value is None:
            raise DataError(f"{metric.name} of class {support.name!r} is not defined on {split}")
        measured = self._measured(metric, support.name, support.category, value)
        return Outcome(
            message=f"{support.name}: {metric.name} "
            f"{value_and_floor(value, measured.limit, f' on {split}')}, "
            f"{counted(support.boxes, 'box')} ({metric.protocol}){bounds_text(measured.interval)}",
            measurements=[
                measured,
                *metric.beside(support.category),
                Measurement.shown("boxes", support.boxes),
                Measurement.shown("images", support.images),
            ],
            evidence=self._evidence(metric, support, measured),
            needs=needs_of_metric(
                self,
                inputs,
                split,
                measured,
                metric.bounds_of(value, support.category),
                inputs.matches(split),
                what=metric.name,
                category=support.category,
            ),
        )

    def _measured(
        self, metric: ScoredMetric, name: str, category: int, value: float
    ) -> Measurement:
        value_of = metric.bounds_of(value, category)
        interval = self.interval(metric.inputs, metric.split, value_of)
        return Measurement.at_least(
            metric.value_name, value, self.floor(name), bound=self.bound, interval=interval
        )

    def _evidence(
        self, metric: ScoredMetric, support: ClassSupport, measured: Measurement
    ) -> Evidence:
        inputs, split = metric.inputs, metric.split
        if not has_curves(len(inputs.dataset(split).classes), measured):
            return Evidence()
        threshold = inputs.project.score_threshold
        frames, total = frames_of_class(
            inputs, split, support.category, threshold, measured, with_false=True
        )
        curves = protocol_curves(inputs, split, f"{support.name} on {split}", support.category)
        return Evidence(
            charts=[
                *([] if curves is None else [curves]),
                self._beside_others(metric, support.name, measured),
            ],
            frames=frames,
            frames_total=total,
        )

    def _beside_others(self, metric: ScoredMetric, own: str, measured: Measurement) -> BarChart:
        """The class beside the weakest others, each with its own floor."""
        values = {name: value for name, value in metric.by_class().items() if value is not None}
        index_of_class = {
            name: index for index, name in enumerate(metric.inputs.dataset(metric.split).classes)
        }
        others = sorted((name for name in values if name != own), key=values.__getitem__)
        drawn = sorted([own, *others[: BARS_OF_CLASS - 1]], key=values.__getitem__)
        bars = [
            bar(name, measured)
            if name == own
            else bar(name, self._beside(metric, name, index_of_class[name], values[name]))
            for name in drawn
        ]
        weaker = sum(value < values[own] for value in values.values())
        return BarChart(
            title=f"{metric.name} of {own} beside other classes of {metric.split}",
            about=(
                f"{own} is the weakest of {counted(len(values), 'class')}."
                if not weaker
                else f"{counted_of(weaker, len(values), 'class', 'are')} weaker than {own}."
            )
            + " Begin with the class that is furthest below its floor, which is marked."
            + left_out(len(values), len(drawn), "weakest"),
            label=metric.name,
            bars=bars,
            span=(0.0, 1.0),
        )

    def _beside(self, metric: ScoredMetric, name: str, category: int, value: float) -> Measurement:
        """The metric of another class; without bounds where there is too little for any."""
        try:
            return self._measured(metric, name, category, value)
        except TooLittleEvidenceError:
            return Measurement.shown(metric.value_name, value)

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
