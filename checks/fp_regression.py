"""The rule `fp-regression`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import NoBaselineError
from pytest_detgate.evidence import ByThreshold, Evidence, LineChart, Number, Panel, Series
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.baseline import Baseline
from pytest_detgate.inputs.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.chart_numbers import at_score
from pytest_detgate.record.phrases import counted
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rule_evidence.frames import shown_frames
from pytest_detgate.rule_evidence.thresholds import (
    operating_point_mark,
    said_of_gaps,
    tallest,
    threshold_chart,
    up_to,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ProbeRule
from pytest_detgate.rules.options import Threshold, merged, require_names, threshold_of
from pytest_detgate.rules.regression_rules import (
    FirstRun,
    compared_interval,
    outcome_of_first_run,
    said_of,
    said_of_change,
)
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.rules.score_rules import (
    Drawn,
    OwnConfidence,
    OwnReplicates,
    OwnSeed,
    TooLittle,
    bootstrapped,
    require_draws,
)
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.resampling import Resampling, resampled_sums
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.operating_point import false_scores
from pytest_detgate.scoring.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.thresholds import counts_over, threshold_grid

GROWN = 12
"""Frames with more false boxes that are shown at most; those of `probe-fp` are all."""
MaxGrowth = Annotated[
    float, Meta(ge=0, description="Largest growth as a share of the baseline: 0.1 is a tenth.")
]
MaxGrowthBoxes = Annotated[Count, Meta(description="Largest growth in boxes.")]
MinReduction = Annotated[
    Share, Meta(description="Smallest reduction as a share of the baseline: 0.5 is half.")
]
Noise = Annotated[Count, Meta(description="Boxes that come and go between two seeds.")]


class ProbeLimits(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The limits of one probe; what it leaves out is taken from the rule's own table."""

    max_growth: MaxGrowth | None = None
    max_growth_boxes: MaxGrowthBoxes | None = None
    min_reduction: MinReduction | None = None
    noise: Noise | None = None


class FpRegression(ProbeRule, frozen=True, kw_only=True):
    """False boxes on a probe must not grow from those of a baseline, or must fall far enough.

    ## What it checks

    `boxes` counts the false boxes of the gated model on a probe as `probe-fp` does, `baseline`
    those of the baseline. `--detgate-baseline` or `[model] baseline` names the baseline: a
    checkpoint, which runs on the same images, or the `report.json` of an earlier run.

    - `change` is the difference, at most `max-growth-boxes` + `noise`.
    - `growth` is the change as a share of the baseline, at most `max-growth` + `noise` /
      `baseline`.
    - `reduction` is the share that is gone, at least `min-reduction`, and at least `noise` boxes.

    A baseline of 0 has no share. Then `max-growth` alone allows no more boxes than `noise`,
    `max-growth-boxes` allows its number, and 0 boxes meet `min-reduction`.

    The bounds are those of a paired bootstrap over clips, or over images if there are no clips:
    both models in the same draws. With `bound = "upper"` the worse bound is compared with the
    limit. Of a report only the recorded number is known, so the bounds are those of the gated model
    alone. They are never narrower than the exact Poisson bounds of the boxes that came and of those
    that went, by clips where there are clips, as in `probe-fp`.

    The frames shown are those with more false boxes than the baseline has. With a report as the
    baseline, all frames with false boxes are shown.

    A comparison is refused if the gated file and the baseline are the same, or if their classes,
    the probe or the score threshold differ. Probes are the same if their file names, annotations
    and images are. If the images cannot be read, only file names are compared, and the message says
    so. Result files are compared by their detections, in any layout. If no baseline is named, the
    item is not evaluated, unless `first-run = "accept"`. A baseline that is named must exist,
    unless `[model] baseline` is `{ path = "...", may-be-missing = true }`.

    ## Why it matters

    A model that was trained again to remove false boxes must show that they are gone, on the frames
    that had them. A budget says only whether they are few.

    ## How to fix

    If boxes are new, see what the training data lost. If too few are gone, look at the frames of
    `probe-fp`, and add more images like those that still have false boxes.
    """

    code: ClassVar[str] = "fp-regression"
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
        require_names("probe", self.probes or (), project.probes, table=["probes"])
        for probe in project.probes:
            limits = self.limits(probe)
            keys = ("max_growth", "max_growth_boxes", "min_reduction")
            if all(getattr(limits, key) is None for key in keys):
                raise OptionError(
                    f"probe {probe!r} has no limit, so it could never fail; give max-growth, "
                    "max-growth-boxes or min-reduction, here or in a table "
                    f"[rules.fp-regression.probes.{probe}]"
                )
        require_draws(self, project)

    def limits(self, probe: str) -> ProbeLimits:
        """What holds for one probe: its own options, else the rule's."""
        return merged((self.probes or {}).get(probe, ProbeLimits()), self)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        probe = target.datasets[0]
        threshold = threshold_of(self, inputs.project)
        dataset, detections = inputs.dataset(probe), inputs.detections(probe)
        false = false_boxes(dataset, detections, threshold)
        image = detections.image[false]
        on_image = np.bincount(image, minlength=len(dataset.images))
        boxes = len(false)
        frames = counted(len(on_image), "frame")
        message = f"{counted(boxes, 'false box')} on {frames}"
        over = Measurement.shown(SCORE_THRESHOLD, threshold)
        try:
            baseline = inputs.baseline()
        except NoBaselineError as error:
            shown = [Measurement.shown("boxes", boxes), over]
            return outcome_of_first_run(error, self.first_run, message, shown)
        before = baseline.false_boxes(probe, threshold)
        drawn = _FalseBoxes(on_image, before, baseline.false_on_images(probe, threshold))
        more = drawn.more()[image]
        shown_first = np.argsort(-more, kind="stable")[: np.count_nonzero(more > 0)]
        share = f" ({(boxes - before) / before:+.0%})" if before else ""
        intervals = self._intervals(inputs, probe, drawn)
        change, *held = self._held(boxes, before, self.limits(probe), intervals)
        paired = drawn.other is not None
        return Outcome(
            message=f"{message}, {said_of(baseline)}{baseline.images_note(probe)} {before}: "
            f"{boxes - before:+d}{share}"
            f"{said_of_change(change.interval, '+.4g', paired=paired)}",
            measurements=[
                change,
                *held,
                Measurement.shown("baseline", before),
                over,
            ],
            findings=detection_findings(dataset, detections, false[shown_first]),
            findings_total=len(shown_first),
            evidence=self._evidence(inputs, baseline, probe, threshold, drawn),
        )

    def _evidence(
        self, inputs: Inputs, baseline: Baseline, probe: str, threshold: float, drawn: _FalseBoxes
    ) -> Evidence:
        """The frames that grew most, and where the baseline's detections are known both models
        over each threshold."""
        dataset, detections = inputs.dataset(probe), inputs.detections(probe)
        more = drawn.more()
        grown = np.argsort(-more, kind="stable")[: np.count_nonzero(more > 0)]
        other = drawn.other

        def text(row: int) -> str:
            count = counted(int(drawn.own[row]), "false box")
            before = "" if other is None else f", baseline {other[row]}"
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
            charts=[_chart(probe, thresholds, boxes, before, threshold)],
            frames=frames,
            frames_total=len(grown),
            # From a baseline of 0 other figures are judged than from one that has some.
            by_threshold=self._by_threshold(probe, thresholds, boxes, before)
            if drawn.before
            else None,
        )

    def _by_threshold(
        self,
        probe: str,
        thresholds: list[float],
        boxes: NDArray[np.int64],
        before: NDArray[np.int64],
    ) -> ByThreshold:
        """What is measured over each threshold, of which those figures are left out that another
        threshold would hold against another limit: with noise the limit of a share depends on the
        baseline's count, and a bound would have to be drawn anew."""
        values: dict[str, list[Number | None]] = {
            "boxes": boxes.tolist(),
            "baseline": before.tolist(),
        }
        if self.bound == "point":
            values["change"] = (boxes - before).tolist()
            if not self.limits(probe).noise:
                change = np.divide(
                    boxes - before, before, out=np.full(len(before), np.nan), where=before > 0
                )
                values["growth"] = _known(change)
                values["reduction"] = _known(-change)
        return ByThreshold(thresholds=thresholds, values=values)

    def _held(
        self,
        boxes: int,
        before: int,
        limits: ProbeLimits,
        interval: Callable[[_Figure, float], Interval | None],
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
            interval=interval(_FalseBoxes.change, 1.0),
        )
        if before and limits.max_growth is not None:
            yield Measurement.at_most(
                "growth",
                (boxes - before) / before,
                limits.max_growth + noise / before,
                bound=self.bound,
                interval=interval(_FalseBoxes.growth, 1 / before),
            )
        if before and limits.min_reduction is not None:
            yield Measurement.at_least(
                "reduction",
                (before - boxes) / before,
                min(max(limits.min_reduction, noise / before), 1.0),
                bound="lower" if self.bound == "upper" else "point",
                interval=interval(_FalseBoxes.reduction, -1 / before),
            )
        all_gone = not before and limits.min_reduction is not None
        yield Measurement.at_most("boxes", boxes, 0 if all_gone else None)

    def _intervals(
        self, inputs: Inputs, probe: str, drawn: _FalseBoxes
    ) -> Callable[[_Figure, float], Interval | None]:
        """A function from a figure, which is the change times a factor, to its bounds."""

        def interval(figure: _Figure, factor: float) -> Interval | None:
            def figures(draws: Resampling) -> Drawn:
                return Drawn(figure(drawn, draws), lambda found: drawn.limit(found, draws, factor))

            found = bootstrapped(self, inputs, probe, figures)
            return compared_interval(found, paired=drawn.other is not None)

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


def _chart(
    probe: str,
    thresholds: list[float],
    boxes: NDArray[np.int64],
    before: NDArray[np.int64],
    threshold: float,
) -> LineChart:
    worse = np.flatnonzero(boxes > before)
    better = np.flatnonzero(boxes < before)
    if not len(worse):
        said = "At no threshold has the gated model more."
    elif not len(better):
        said = "The gated model has fewer at no threshold, so no operating point mends it."
    else:
        said = (
            f"The gated model has more at {len(worse)} of {len(thresholds)} thresholds, from "
            f"{at_score(thresholds[worse[0]])} to {at_score(thresholds[worse[-1]])}, and fewer at "
            f"{len(better)}: scores may only have moved, so compare at equal recall too."
        )
    now = thresholds.index(threshold)
    most = tallest(int(boxes[now]), int(before[now]))
    own, other = boxes.tolist(), before.tolist()
    return threshold_chart(
        f"False boxes on {probe} beside the baseline",
        f"False boxes of both models over each score threshold. {said}"
        + said_of_gaps([*own, *other], most),
        [
            Panel(
                label="false boxes",
                series=[
                    Series(name="gated model", x=thresholds, y=up_to(own, most)),
                    Series(name="baseline", x=thresholds, y=up_to(other, most)),
                ],
            )
        ],
        [operating_point_mark(threshold)],
    )


def _known(values: NDArray[np.float64]) -> list[Number | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class _FalseBoxes:
    """False boxes by image of the gated model, and of the other where they are known: `before`
    is their sum."""

    own: NDArray[np.int64]
    before: int
    other: NDArray[np.int64] | None

    def more(self) -> NDArray[np.int64]:
        """(images,) how many more there are on each image; where the baseline's are not known by
        image, how many there are."""
        return self.own if self.other is None else self.own - self.other

    def change(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the difference of the sums in every draw."""
        return resampled_sums(self.own, draws) - self._others(draws)

    def growth(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the same as a share of the baseline; NaN where a draw has none of its boxes."""
        before = self._others(draws)
        change = self.change(draws)
        undefined = np.full(len(change), np.nan)
        share: NDArray[np.float64] = np.divide(change, before, out=undefined, where=before > 0)
        return share

    def reduction(self, draws: Resampling) -> NDArray[np.float64]:
        """(B,) the share of the baseline that is gone."""
        return -self.growth(draws)

    def limit(self, interval: Interval, draws: Resampling, factor: float) -> Interval:
        """The interval of `factor` times the change, no narrower than the exact ones of the boxes
        that came and of those that went."""
        units = draws.units
        evidence = ProbeEvidence(
            frames=len(self.own),
            confidence=interval.confidence,
            clip=units.of_image if units.kind == "clip" else None,
        )
        more = self.more()
        came, went = np.maximum(more, 0), np.maximum(-more, 0)
        fixed = self.before if self.other is None else 0
        most = evidence.of_boxes(came).high - int(went.sum()) - fixed
        least = int(came.sum()) - evidence.of_boxes(went).high - fixed
        if self.other is None:
            least = evidence.of_boxes(came).low - fixed
        ends = sorted((factor * least, factor * most))
        return widened(interval, *ends)

    def _others(self, draws: Resampling) -> NDArray[np.float64]:
        if self.other is None:
            return np.full(draws.replicates, float(self.before))
        return resampled_sums(self.other, draws)


_Figure = Callable[[_FalseBoxes, Resampling], NDArray[np.float64]]
