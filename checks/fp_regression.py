"""The rule `fp-regression`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from pytest_detgate.errors import NoBaselineError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rule_evidence.frames import shown_frames
from pytest_detgate.rule_evidence.models.two_models import change_by_threshold, chart_of_two_models
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import (
    MaxGrowth,
    MaxGrowthBoxes,
    MinReduction,
    Noise,
    ProbeLimits,
)
from pytest_detgate.rules.families import ProbeRule
from pytest_detgate.rules.metrics.score_rules import (
    OwnConfidence,
    OwnReplicates,
    OwnSeed,
    TooLittle,
    interval_of,
    require_draws,
)
from pytest_detgate.rules.options import (
    Threshold,
    require_limit_of_probe,
    require_probes,
    threshold_of,
    with_defaults_from,
)
from pytest_detgate.rules.regression.change_needs import needs_of_false_boxes
from pytest_detgate.rules.regression.regression_rules import (
    FirstRun,
    baseline_label,
    change_bounds_text,
    compared_interval,
    outcome_of_first_run,
    outcome_of_unchanged,
)
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.comparison.false_box_change import Draws, FalseBoxChange, grown_first
from pytest_detgate.scoring.metrics.operating_point import false_scores
from pytest_detgate.scoring.metrics.thresholds import counts_over, threshold_grid

GROWN = 12
"""Frames with more false boxes that are shown at most; those of `probe-fp` are all."""


class FpRegression(ProbeRule, frozen=True, kw_only=True):
    """False boxes on a probe must not grow from those of a baseline, or must fall far enough.

    ## What it checks

    `boxes` counts the false boxes of the gated model on a probe as `probe-fp` does, `baseline`
    those of the baseline. `--detgate-baseline` or `[model] baseline` names it: a checkpoint, which
    runs on the same images, the file of `approve`, or the `report.json` of an earlier run.

    - `change` is the difference, at most `max-growth-boxes` + `noise`.
    - `growth` is this as a share of the baseline, at most `max-growth` + `noise` / `baseline`.
    - `reduction` is the share that is gone, at least `min-reduction`, and at least `noise` boxes.

    A baseline of 0 has no share. Then `max-growth` alone allows no more boxes than `noise`,
    `max-growth-boxes` allows its number, and 0 boxes meet `min-reduction`.

    The bounds are those of a paired bootstrap over clips, or over images if there are no clips:
    both models in the same draws. With `bound = "upper"` the worse bound is compared with the
    limit. Of a report of an earlier release only a number is known, so the bounds are those of the
    gated model alone. They leave room for one more clip unlike all clips seen, as in `probe-fp`,
    and are never narrower than the bounds of the boxes that came and of those that went. Fewer than
    5 clips (or images) have no bounds.

    The frames shown are those with more false boxes than the baseline has, if that is known.

    A model passes as unchanged if it is that of the baseline or has the same detections. A
    comparison is refused if classes, probe or score threshold differ. Probes are the same if their
    file names, annotations and images are. If the images cannot be read, only file names are
    compared, and the message says so. If no baseline is named, the item is not evaluated, unless
    `first-run = "accept"`. A baseline that is named must exist, unless `[model] baseline` is `{
    path = "...", may-be-missing = true }`.

    ## Why it matters

    A model that was trained again to remove false boxes must show that they are gone, on the frames
    that had them. A budget says only whether they are few.

    ## How to fix

    - `change` too high: See what the training data lost since the baseline: frames with nothing to
      detect, or a site.
    - `growth` too high: Compare the frames on the page: what fires now was harmless to the
      baseline.
    - `reduction` too low: Look at the frames of `probe-fp`, and add more images like those that
      still have false boxes.
    - `change` only by its bound: The difference may be chance: the probe needs more frames, from
      other clips.
    - `growth` only by its bound: The difference may be chance: the probe needs more frames, from
      other clips.
    - `boxes` too high: The baseline had no false box here, so none is allowed.
    """

    code: ClassVar[str] = "fp-regression"
    measures: ClassVar[str] = "change growth reduction boxes baseline score_threshold"
    compares: ClassVar[bool] = True

    max_growth: MaxGrowth | None = None
    max_growth_boxes: MaxGrowthBoxes | None = None
    min_reduction: MinReduction | None = None
    noise: Noise = 0
    probes: (
        Annotated[dict[str, ProbeLimits], Meta(description="Limits of single probes.")] | None
    ) = None
    score_threshold: Threshold | None = None
    bound: Annotated[
        Literal["point", "upper"],
        Meta(
            description="What is compared with the limits: the measured value, or its worse bound."
        ),
    ] = "point"
    confidence: OwnConfidence | None = None
    replicates: OwnReplicates | None = None
    seed: OwnSeed | None = None
    too_little: TooLittle = "fail"
    first_run: FirstRun = "refuse"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_probes(self.probes or (), project, table=["probes"])
        for probe in project.probes:
            keys = ("max_growth", "max_growth_boxes", "min_reduction")
            require_limit_of_probe(self.code, probe, self.limits(probe), keys, "limit")
        require_draws(self, project)

    def limits(self, probe: str) -> ProbeLimits:
        """What holds for one probe: its own options, else the rule's."""
        return with_defaults_from((self.probes or {}).get(probe, ProbeLimits()), self)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        probe = target.datasets[0]
        threshold = threshold_of(self, inputs.project)
        dataset, detections = inputs.dataset(probe), inputs.detections(probe)
        false = inputs.false_boxes(probe, threshold)
        image = detections.image[false]
        on_image = np.bincount(image, minlength=len(dataset.images))
        boxes = len(false)
        message = f"{counted(boxes, 'false box')} on {counted(len(on_image), 'frame')}"
        shown = [Measurement.shown("boxes", boxes), Measurement.shown(SCORE_THRESHOLD, threshold)]
        try:
            baseline = inputs.baseline()
        except NoBaselineError as error:
            return outcome_of_first_run(error, self.first_run, message, shown)
        if (reason := baseline.unchanged(probe)) is not None:
            return outcome_of_unchanged(reason, message, baseline, shown)
        before = baseline.false_boxes(probe, threshold)
        drawn = FalseBoxChange(on_image, before, baseline.false_on_images(probe, threshold))
        shown_first = grown_first(drawn.more()[image])
        share = f" ({(boxes - before) / before:+.0%})" if before else ""
        intervals = self._intervals(inputs, probe, drawn)
        change, *limited = self._limited(boxes, before, self.limits(probe), intervals)
        bounds = change_bounds_text(
            change.interval, "+.4g", paired=drawn.other is not None, units=inputs.units(probe)
        )
        return Outcome(
            message=f"{message}, {baseline_label(baseline)}{baseline.images_note(probe)} {before}: "
            f"{boxes - before:+d}{share}{bounds}",
            measurements=[change, *limited, Measurement.shown("baseline", before), shown[1]],
            findings=detection_findings(dataset, detections, false[shown_first]),
            findings_total=len(shown_first),
            evidence=self._evidence(inputs, baseline, probe, threshold, drawn),
            needs=needs_of_false_boxes(self, inputs, probe, [change, *limited], drawn),
        )

    def _evidence(
        self,
        inputs: Inputs,
        baseline: Baseline,
        probe: str,
        threshold: float,
        drawn: FalseBoxChange,
    ) -> Evidence:
        """The frames that grew most, and where the baseline's detections are known both models
        over each threshold."""
        dataset, detections = inputs.dataset(probe), inputs.detections(probe)
        grown = grown_first(drawn.more())

        def text(row: int) -> str:
            count = counted(int(drawn.own[row]), "false box")
            before = "" if drawn.other is None else f", baseline {drawn.other[row]}"
            return f"{count} over {threshold:g}{before}"

        known = baseline.false_scores(probe)
        frames = shown_frames(dataset, detections, grown, text, GROWN)
        if known is None:
            return Evidence(frames=frames, frames_total=len(grown))
        scores, floor = known
        thresholds = threshold_grid(max(floor, detections.score_floor), threshold)
        boxes = counts_over(false_scores(dataset, detections), thresholds)
        before = counts_over(scores, thresholds)
        return Evidence(
            charts=[chart_of_two_models(probe, thresholds, boxes, before, threshold)],
            frames=frames,
            frames_total=len(grown),
            # From a baseline of 0 other metrics are judged than from one that has some.
            by_threshold=change_by_threshold(
                thresholds,
                boxes,
                before,
                is_bound=self.bound != "point",
                has_noise=bool(self.limits(probe).noise),
            )
            if drawn.before
            else None,
        )

    def _limited(
        self,
        boxes: int,
        before: int,
        limits: ProbeLimits,
        interval: Callable[[Draws, float], Interval | None],
    ) -> Iterator[Measurement]:
        noise = limits.noise or 0
        more = limits.max_growth_boxes
        if not before and more is None and limits.max_growth is not None:
            more = 0
        yield Measurement.at_most(
            "change",
            boxes - before,
            None if more is None else more + noise,
            bound=self.bound,
            interval=interval(FalseBoxChange.change, 1.0),
        )
        if before and limits.max_growth is not None:
            yield Measurement.at_most(
                "growth",
                (boxes - before) / before,
                limits.max_growth + noise / before,
                bound=self.bound,
                interval=interval(FalseBoxChange.growth, 1 / before),
            )
        if before and limits.min_reduction is not None:
            yield Measurement.at_least(
                "reduction",
                (before - boxes) / before,
                min(max(limits.min_reduction, noise / before), 1.0),
                bound="lower" if self.bound == "upper" else "point",
                interval=interval(FalseBoxChange.reduction, -1 / before),
            )
        all_gone = not before and limits.min_reduction is not None
        yield Measurement.at_most("boxes", boxes, 0 if all_gone else None)

    def _intervals(
        self, inputs: Inputs, probe: str, drawn: FalseBoxChange
    ) -> Callable[[Draws, float], Interval | None]:
        """A function from a metric, which is the change times a factor, to its bounds."""

        def interval(value_of: Draws, factor: float) -> Interval | None:
            bounds = interval_of(
                self, inputs, probe, lambda intervals: drawn.interval(value_of, factor, intervals)
            )
            return compared_interval(bounds, paired=drawn.other is not None)

        return interval

    passing: ClassVar[Example] = Example(
        config="[rules.fp-regression]\nmin-reduction = 0.5",
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={"compliant": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]}},
        baseline={
            "compliant": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 0.7, 10, 10, 30, 30)],
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.fp-regression]\nmax-growth = 0.0",
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={
            "compliant": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 0.7, 10, 10, 30, 30)],
            }
        },
        baseline={"compliant": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]}},
    )
