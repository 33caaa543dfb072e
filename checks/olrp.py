"""The rule `olrp`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.evidence import Evidence, LineChart, Mark, Panel, Series
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, plotted, threshold_text
from pytest_detgate.rule_evidence.classes import frames_of_class, has_curves
from pytest_detgate.rule_evidence.thresholds import operating_point_mark, threshold_chart
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.class_ceiling_rule import ClassCeilingRule
from pytest_detgate.rules.metrics.field_metric import field_figure, mirrored
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import interval_of
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.metrics.field_metrics import BestThreshold, Ranked, ranked
from pytest_detgate.scoring.metrics.thresholds import threshold_grid


class Olrp(ClassCeilingRule, frozen=True, kw_only=True):
    """The optimal localisation-recall-precision error (oLRP) of each class must stay below a
    ceiling.

    ## What it checks

    LRP at a score threshold adds up three errors and divides by the number of true, false and
    missed boxes: how far true boxes are off, (1 - IoU) / 0.5 for each; false boxes, 1 each; missed
    boxes, 1 each. A match has the same class and IoU ≥ 0.5. `olrp` is its least value over all
    thresholds (Oksuz et al., TPAMI 2022). Lower is better: 0 is perfect, 1 finds nothing.

    `best_threshold` is the score threshold of that value: a box counts when its score is above it.
    There `localisation` is the mean of 1 - IoU of true boxes, `false_share` the share of detections
    that are false, `missed_share` the share of ground truth that is missed. `lrp` is the error at
    the operating point, so the difference to `olrp` is what a better threshold would gain.

    The bounds come from a bootstrap over clips, or over images if there are no clips, with room for
    one more clip unlike all clips seen. They are never better than the exact bounds of what was
    found. With `bound = "upper"` the upper bound is compared with the ceiling.

    ## Why it matters

    AP averages over thresholds that nobody uses. A detector is used at one threshold, and this is
    its error at the best one.

    ## How to fix

    The largest of the three parts says what to work on: `localisation` asks for tighter labels,
    `false_share` for images with nothing to detect, `missed_share` for more such objects. If `lrp`
    is far above `olrp`, set `score-threshold` to `best_threshold`.
    """

    code: ClassVar[str] = "olrp"
    measures: ClassVar[str] = "olrp best_threshold localisation false_share missed_share lrp"
    metric_name: ClassVar[str] = "oLRP"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "max", "classes")

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        threshold = inputs.project.score_threshold
        require_threshold(inputs.detections(split), threshold)
        detections = ranked(inputs.matches(split), support.category)
        best = detections.best_threshold()
        value_of = mirrored(field_figure("olrp", detections, 1 - best.olrp))
        interval = interval_of(self, inputs, split, value_of)
        now = detections.lrp_over([threshold])[0]
        measurement = Measurement.at_most(
            "olrp", best.olrp, self.ceiling(support.name), bound=self.bound, interval=interval
        )
        frames, total = frames_of_class(
            inputs, split, support.category, threshold, measurement, with_false=True
        )
        floor = inputs.detections(split).score_floor
        curves = has_curves(len(inputs.dataset(split).classes), measurement)
        where = ""
        if best.threshold is not None:
            where = f" with score > {threshold_text(best.threshold)}"
        return Outcome(
            message=f"oLRP of {support.name} on {split} {best.olrp:.3f}{where}"
            f"{bounds_text(interval)}; {now:.3f} with score > {threshold:g}",
            measurements=[measurement, *_parts(best), Measurement.shown("lrp", now)],
            evidence=Evidence(
                charts=[_chart(detections, support.name, split, floor, threshold, best)]
                if curves
                else [],
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
                what="oLRP",
                category=support.category,
            ),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.olrp]\nmax = 0.5",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.olrp]\nmax = 0.5",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 18)]}},
    )


def _parts(best: BestThreshold) -> list[Measurement]:
    parts = {
        "best_threshold": best.threshold,
        "localisation": best.localisation,
        "false_share": best.false_share,
        "missed_share": best.missed_share,
    }
    return [Measurement.shown(name, part) for name, part in parts.items() if part is not None]


def _chart(
    detections: Ranked,
    name: str,
    split: str,
    floor: float,
    threshold: float,
    best: BestThreshold,
) -> LineChart:
    thresholds = threshold_grid(floor, threshold)
    values = detections.lrp_over(thresholds)
    marks = [operating_point_mark(threshold)]
    if best.threshold is not None:
        marks.append(Mark(label="best threshold", at=best.threshold))
    return threshold_chart(
        f"LRP of {name} by score threshold",
        f"The error of {name} on {split} over each score threshold, which is least at the best "
        "one. A flat valley says that the threshold hardly matters.",
        [
            Panel(
                label="LRP",
                series=[Series(name="LRP", x=thresholds, y=plotted(values.tolist()))],
                span=(0.0, 1.0),
            )
        ],
        marks,
    )
