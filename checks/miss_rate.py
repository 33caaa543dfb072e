"""The rule `miss-rate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.counts import with_noun
from pytest_detgate.evidence import Evidence, LineChart, Mark, Panel, Series
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, plotted
from pytest_detgate.rule_evidence.classes import frames_of_class, has_curves
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.class_ceiling_rule import ClassCeilingRule
from pytest_detgate.rules.metrics.field_metric import field_figure, mirrored
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import interval_of
from pytest_detgate.rules.options import Threshold, require_limit, threshold_of
from pytest_detgate.rules.regression.change_needs import needs_of_change
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence, scaled
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.metrics.field_metrics import MISS_RATE_POINTS, Ranked, ranked


class MissRate(ClassCeilingRule, frozen=True, kw_only=True):
    """The log-average miss rate (MR⁻²) of each class must stay below a ceiling.

    ## What it checks

    `miss_rate` is MR⁻² as defined by Dollár et al. (TPAMI 2012): the geometric mean of the share of
    a class's boxes that is missed where the detector has 0.01, 0.018, 0.032, 0.056, 0.1, 0.18,
    0.32, 0.56 and 1 false boxes an image. Each of these points is reached by the lowest score
    threshold that has no more; if there is none, everything is missed there. A match has the same
    class and IoU ≥ 0.5. Detections in crowd regions count neither as true nor as false. Lower is
    better.

    `fppi` counts the false boxes an image at the operating point, at most `max-fppi`, and
    `missed_share` is the share that is missed there.

    The bounds of `miss_rate` come from a bootstrap over clips, or over images if there are no
    clips, with room for one more clip unlike all clips seen. They are never better than the exact
    bounds of what was found. The bounds of `fppi` are those of `probe-fp`. With `bound = "upper"`
    the upper bounds are compared with the limits.

    ## Why it matters

    Pedestrian detection is compared by this number. It looks at thresholds with few false boxes,
    which AP hardly sees.

    ## How to fix

    - `miss_rate` too high: See at which false-box rate the misses are: on the left of the chart
      confident false boxes are the reason, on the right objects that are never found.
    - `fppi` too high: Raise the operating point, or add images with nothing to detect to training.
    """

    code: ClassVar[str] = "miss-rate"
    measures: ClassVar[str] = "miss_rate fppi missed_share boxes"
    metric_name: ClassVar[str] = "miss rate"

    max_fppi: (
        Annotated[float, Meta(ge=0, description="Largest number of false boxes an image.")] | None
    ) = None
    score_threshold: Threshold | None = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "max", "classes", "max-fppi")

    def limits_every_class(self) -> bool:
        return self.max is not None or self.max_fppi is not None

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        threshold = threshold_of(self, inputs.project)
        require_threshold(inputs.detections(split), threshold)
        detections = ranked(inputs.matches(split), support.category)
        counts = detections.counts()
        good = float(counts.value("miss-rate")[0])
        value_of = mirrored(field_figure("miss-rate", detections, good))
        interval = interval_of(self, inputs, split, value_of)
        over = detections.score > threshold
        false = detections.image[over & ~detections.hit]
        fppi = len(false) / detections.images
        measurement = Measurement.at_most(
            "miss_rate",
            1 - good,
            self.ceiling(support.name),
            bound=self.bound,
            interval=interval,
        )
        of_fppi = _figure_of_fppi(false, detections.images)
        of_false = Measurement.at_most(
            "fppi",
            fppi,
            self.max_fppi,
            bound=self.bound,
            interval=interval_of(self, inputs, split, of_fppi),
        )
        frames, total = frames_of_class(
            inputs, split, support.category, threshold, measurement, with_false=True
        )
        curves = has_curves(len(inputs.dataset(split).classes), measurement)
        return Outcome(
            message=f"miss rate of {support.name} on {split} {1 - good:.3f}{bounds_text(interval)}"
            f"; {with_noun(f'{fppi:.3g}', 'false box')} an image with score > {threshold:g}",
            measurements=[
                measurement,
                of_false,
                Measurement.shown(
                    "missed_share",
                    1 - int(np.count_nonzero(over & detections.hit)) / len(detections.boxes),
                ),
                Measurement.shown("boxes", support.boxes),
            ],
            evidence=Evidence(
                charts=[_chart(detections, support.name, split, fppi)] if curves else [],
                frames=frames,
                frames_total=total,
            ),
            needs=needs_of_metric(
                self,
                inputs,
                split,
                measurement,
                value_of,
                inputs.matches(split),
                what="a miss rate",
                category=support.category,
            )
            or needs_of_change(self, inputs, split, [(of_false, of_fppi)]),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.miss-rate]\nmax = 0.1",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.miss-rate]\nmax = 0.05",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={
            "val": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30), ("helmet_off", 0.9, 60, 60, 9, 9)]
            }
        },
    )


def _figure_of_fppi(false: NDArray[np.int64], images: int) -> Callable[[Intervals], Interval]:
    """A function that gives the interval of the false boxes an image, from the image of each."""
    on_image = np.bincount(false, minlength=images)

    def of_boxes(intervals: Intervals) -> Interval:
        units, copies = intervals.resampling.units, intervals.copies
        evidence = ProbeEvidence.of_units(units, intervals.confidence, copies)
        return scaled(evidence.of_boxes(on_image), 1 / images)

    return of_boxes


def _chart(detections: Ranked, name: str, split: str, fppi: float) -> LineChart:
    rates = detections.counts().miss_rates()[0]
    exponents = np.log10(MISS_RATE_POINTS).round(6).tolist()
    marks = []
    if 10 ** exponents[0] <= fppi <= 1:
        marks = [Mark(label="operating point", at=float(np.log10(fppi)))]
    return LineChart(
        title=f"Misses of {name} by false boxes",
        about=f"The share of {name} on {split} that is missed where there are so many false boxes "
        "an image. MR⁻² is the geometric mean of these points. The axis is a power of 10: -2 is "
        "one false box on 100 images, 0 is one on each.",
        label="false boxes an image, as a power of 10",
        panels=[
            Panel(
                label="share missed",
                series=[Series(name="missed", x=exponents, y=plotted(rates.tolist()))],
                span=(0.0, 1.0),
            )
        ],
        marks=marks,
        span=(-2.0, 0.0),
    )
