"""The rule `froc`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence, LineChart, Panel, Series
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import bounds_text, plotted, value_and_floor
from pytest_detgate.rule_evidence.classes import frames_of_class, has_curves
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.class_floor_rule import ClassFloorRule
from pytest_detgate.rules.metrics.field_metric import field_figure
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import interval_of
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.metrics.field_metrics import FROC_POINTS, ranked


class Froc(ClassFloorRule, frozen=True, kw_only=True):
    """The mean sensitivity of each class over the FROC curve (CPM) must reach a floor.

    ## What it checks

    `cpm` is the competition performance metric of LUNA16: the mean sensitivity of a class where
    the detector has 1/8, 1/4, 1/2, 1, 2, 4 and 8 false boxes a scan. Sensitivity is the share of
    the ground-truth boxes that is found: same class, IoU ≥ 0.5, one to one. Between two points of
    the curve it is read from a straight line; beyond its end it stays. `sensitivity[RATE]` is each
    of the seven. A scan is an image; with `per = "clip"` it is a clip.

    The bounds come from a bootstrap over clips, or over images if there are no clips, with room for
    one more clip unlike all clips seen. They are never better than the exact bounds of what was
    found. With `bound = "lower"` the lower bound is compared with the floor.

    ## Why it matters

    Radiology compares detectors by this curve: how many lesions are found for the number of false
    alarms that a reader accepts in a scan.

    ## How to fix

    See where the curve is low. Low at 1/8 and high at 8: false boxes have higher scores than true
    ones, so train with more images that look alike and are empty. Low everywhere: objects are never
    found, so add images with such objects.
    """

    code: ClassVar[str] = "froc"
    measures: ClassVar[str] = "cpm sensitivity[RATE] boxes"
    metric_name: ClassVar[str] = "FROC curve"

    per: Annotated[
        Literal["image", "clip"], Meta(description="What a scan is, by which false boxes count.")
    ] = "image"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        units = inputs.units(split)
        by_clip = self.per == "clip"
        if by_clip and units.kind != "clip":
            raise DataError(
                f'per = "clip", and the clips of {split} are unknown: give [dataset] frame-pattern'
            )
        detections = ranked(inputs.matches(split), support.category)
        # Each image counts as the part of a scan that it is.
        counts = detections.counts(scans=units.count if by_clip else detections.images)
        value = float(counts.value("froc")[0])
        value_of = field_figure("froc", detections, value, by_clip=by_clip)
        interval = interval_of(self, inputs, split, value_of)
        measurement = Measurement.at_least(
            "cpm", value, self.floor(support.name), bound=self.bound, interval=interval
        )
        each = counts.sensitivities()[0].tolist()
        threshold = inputs.project.score_threshold
        frames, total = frames_of_class(
            inputs, split, support.category, threshold, measurement, with_false=True
        )
        chart = _chart(each, support.name, split, self.per)
        curves = has_curves(len(inputs.dataset(split).classes), measurement)
        return Outcome(
            message=f"CPM of {support.name} on {split} {value_and_floor(value, measurement.limit)}"
            f"{bounds_text(interval)}",
            measurements=[
                measurement,
                *(
                    Measurement.shown(f"sensitivity[{rate:g}]", value)
                    for rate, value in zip(FROC_POINTS.tolist(), each, strict=True)
                ),
                Measurement.shown("boxes", support.boxes),
            ],
            tables={
                "FROC": Table(
                    columns=[f"false boxes a {self.per}", "sensitivity"],
                    rows=[list(row) for row in zip(FROC_POINTS.tolist(), each, strict=True)],
                )
            },
            evidence=Evidence(charts=[chart] if curves else [], frames=frames, frames_total=total),
            needs=needs_of_metric(
                self,
                inputs,
                split,
                measurement,
                value_of,
                inputs.matches(split),
                what="CPM",
                category=support.category,
            ),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.froc]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.froc]\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={
            "val": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30), ("helmet_off", 0.9, 60, 60, 9, 9)]
            }
        },
    )


def _chart(sensitivity: list[float], name: str, split: str, per: str) -> LineChart:
    return LineChart(
        title=f"FROC of {name}",
        about=f"The share of {name} on {split} that is found where there are so many false boxes "
        f"on one {per}. CPM is the mean of these points. The axis is a power of 2: -3 is 1/8 of a "
        "false box, 3 is 8.",
        label=f"false boxes a {per}, as a power of 2",
        panels=[
            Panel(
                label="sensitivity",
                series=[
                    Series(name="found", x=np.log2(FROC_POINTS).tolist(), y=plotted(sensitivity))
                ],
                span=(0.0, 1.0),
            )
        ],
        span=(-3.0, 3.0),
    )
