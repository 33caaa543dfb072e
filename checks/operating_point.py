"""The rule `operating-point`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Confidence, Share
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rule_evidence.trade_off import ProbeCurve, TradeOff, point_text, trade_off_chart
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.certification import Certification, certification_of
from pytest_detgate.rules.false_boxes.point_budget import (
    MaxBoxes,
    MaxClipShare,
    MaxImages,
    MaxImageShare,
    PointBudget,
)
from pytest_detgate.rules.false_boxes.point_recall import point_recall
from pytest_detgate.rules.false_boxes.probe_plan import planned_of_point
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.score_rules import with_looks
from pytest_detgate.rules.options import (
    require_limit,
    require_names,
    require_probe,
    require_probes,
    with_defaults_from,
)
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.metrics.operating_point import (
    FalseBoxCurve,
    false_box_curve,
)


class OperatingPoint(ScoreRule, frozen=True, kw_only=True):
    """Some score threshold must meet the budget of false boxes and the floors of recall at once.

    ## What it checks

    `threshold` is the lowest score threshold at which the false boxes on the probe `tune-on` stay
    within the budget. Recall only falls with a higher threshold. So if the floors are not met
    there, no threshold meets both. `boxes` and `images` are the false boxes on that probe at that
    threshold and the frames with at least one. `recall[CLASS]` is the recall of a class of the
    evaluated split (IoU ≥ 0.5), `recall` that of all classes together. At the same threshold the
    other probes (`check-on`) must stay within their budgets: `boxes[PROBE]`, `images[PROBE]`. The
    chart shows the trade-off at every threshold.

    A threshold that just keeps the budget on the frames it was chosen on breaks it on new ones in
    about half of all cases. With `certify = 0.95` the threshold is the lowest one that keeps the
    budget on new clips, and at which the floors must hold on new clips, both together with a
    probability of 95%. Learn then Test: thresholds are tested from the strictest on, each by a
    p-value of "new clips are over the limit", until one is not rejected. Alarms and misses have
    half of the error each (Bonferroni). `p_alarms` and `p_misses[CLASS]` are the p-values at the
    chosen threshold, which may be at most 0.025. A clip counts once, long or short.
    `max-image-share` (and `max-images`, as a share of the frames) looks at the share of its frames
    with a false box, a floor at the share of its boxes that is missed (Hoeffding-Bentkus), and
    `max-clip-share` at whether it has any false box (exact binomial). `max-boxes` is compared with
    the upper bound of `probe-fp`, because nothing limits the boxes of a frame.
    `threshold_uncertified` is the threshold that the budget alone would allow, and `recall_cost`
    the recall that certainty costs. To certify 5% of the clips takes at least 72 clips without a
    false box, for 1% at least 368.

    ## Why it matters

    Every detector can be made quiet by a high threshold and complete by a low one. What counts is
    whether one threshold gives both, on frames that it was not chosen on.

    ## How to fix

    - `boxes` too high: No threshold keeps the budget of false boxes and the recall together, so no
      threshold fixes the detector: it needs compliant frames in training, or better labels.
    - `images` too high: No threshold keeps the budget of frames and the recall together: the
      detector needs compliant frames in training, or better labels.
    - `recall` too low: No threshold finds enough within the budgets of false boxes: the detector
      needs more or better labelled data.
    - `p_misses` too high: The floor of recall is not certain on new clips at this threshold. If
      recall itself is over the floor, more clips are needed; `needs` says how many.
    - `clip_share` too high: No threshold keeps the share of clips with a false box and the recall
      together: the detector needs compliant frames in training, or better labels.
    - `image_share` too high: No threshold keeps the share of frames with a false box and the recall
      together: the detector needs compliant frames in training, or better labels.
    """

    code: ClassVar[str] = "operating-point"
    measures: ClassVar[str] = (
        "threshold boxes boxes[PROBE] images images[PROBE] image_share image_share[PROBE] "
        "clip_share clip_share[PROBE] recall recall[CLASS] certified_boxes p_alarms "
        "p_misses[CLASS] threshold_uncertified recall_cost"
    )
    moves_limits: ClassVar[bool] = False

    tune_on: (
        Annotated[
            str, Meta(description="Probe that the threshold is chosen on. Omitted: the first.")
        ]
        | None
    ) = None
    check_on: (
        Annotated[
            tuple[str, ...], Meta(description="Probes that it is checked on. Omitted: all others.")
        ]
        | None
    ) = None
    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_image_share: MaxImageShare | None = None
    max_clip_share: MaxClipShare | None = None
    certify: (
        Annotated[
            Confidence,
            Meta(
                description="Probability that budget and floors hold on new clips at the chosen "
                "threshold. Omitted: they hold on the frames seen."
            ),
        ]
        | None
    ) = None
    probes: (
        Annotated[dict[str, PointBudget], Meta(description="Budgets of single probes.")] | None
    ) = None
    min_recall: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_probe(project)
        require_limit(self, "min-recall", "classes")
        if self.tune_on is not None:
            require_probes((self.tune_on,), project, "tune-on")
        require_probes(self.check_on or (), project, "check-on")
        require_probes(self.probes or (), project, table=["probes"])
        require_names("class", self.classes or (), project.evaluated_classes, table=["classes"])
        for probe in self._probes(project):
            budget = self._budget(probe)
            if budget.is_empty:
                raise OptionError(
                    f"probe {probe!r} has no budget; give max-boxes, max-images, max-image-share "
                    "or max-clip-share, here or in a table "
                    f"[rules.operating-point.probes.{probe}]"
                )

    def targets(self, project: Project) -> Iterator[Target]:
        names = (project.evaluate_on, *self._probes(project))
        yield Target(datasets=names, detections=names)

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        if self.certify is None:
            return
        split, tuned, *_ = target.datasets
        confidence = 1 - (1 - with_looks(self.certify, inputs.project)) / 2
        yield from planned_of_point(self._budget(tuned), tuned, confidence, inputs)
        floors: dict[str | None, float] = {}
        if self.min_recall is not None:
            floors.update(
                dict.fromkeys(inputs.project.evaluated_classes or (None,), self.min_recall)
            )
        floors.update((self.classes or {}).items())
        for name, floor in floors.items():
            what = f"recall of {name or 'each class'}, certified,"
            yield found_share(what, split, floor, confidence, "lower", category=name)

    def proves(self, target: Target) -> bool:
        return self.certify is not None

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split, tuned, *others = target.datasets
        lowest = inputs.detections(split).score_floor
        recall = point_recall(inputs, split, self._floor, self.classes)
        units = {probe: inputs.units(probe) for probe in (tuned, *others)}
        false = {
            probe: false_box_curve(inputs.dataset(probe), inputs.detections(probe), of_probe)
            for probe, of_probe in units.items()
        }
        budget = self._budget(tuned)
        empirical = max(budget.threshold(false[tuned], units[tuned]), lowest)
        certified = self._certification(inputs, tuned, false[tuned], recall.floors)
        threshold = empirical
        if certified is not None:
            threshold = max(certified.threshold(lowest), empirical)
        measurements = [
            Measurement.shown("threshold", threshold),
            *budget.measured(false[tuned], threshold, units[tuned]),
            *recall.measured(threshold),
            *(
                measured
                for probe in others
                for measured in self._budget(probe).measured(
                    false[probe], threshold, units[probe], f"[{probe}]"
                )
            ),
        ]
        trade_off = TradeOff(
            chosen=threshold,
            configured=inputs.project.score_threshold,
            uncertified=None if certified is None else empirical,
            probes={probe: self._probe_curve(probe, curve) for probe, curve in false.items()},
            split=split,
            together=recall.together,
            classes={
                name: (curve, recall.floors.get(name)) for name, curve in recall.classes.items()
            },
        )
        message = point_text(trade_off, measurements)
        needs = None
        if certified is not None:
            cost = recall.together.recall(empirical) - recall.together.recall(threshold)
            message += f"; {certified.text(empirical, threshold, cost)}"
            measurements += [
                *certified.measured(threshold),
                Measurement.shown("threshold_uncertified", empirical),
                Measurement.shown("recall_cost", cost),
            ]
            needs = certified.needs(threshold)
        return Outcome(
            message=message,
            measurements=measurements,
            evidence=Evidence(charts=[trade_off_chart(trade_off)]),
            needs=needs,
            missing=recall.missing,
        )

    def _probe_curve(self, probe: str, false: FalseBoxCurve) -> ProbeCurve:
        budget = self._budget(probe)
        return ProbeCurve(false=false, max_boxes=budget.max_boxes, max_images=budget.max_images)

    def _certification(
        self,
        inputs: Inputs,
        tuned: str,
        false: FalseBoxCurve,
        floors: Mapping[str, float],
    ) -> Certification | None:
        if self.certify is None:
            return None
        split, budget = inputs.project.evaluate_on, self._budget(tuned)
        sure = with_looks(self.certify, inputs.project)
        return certification_of(inputs, sure, tuned, false, budget, split, floors)

    def _probes(self, project: Project) -> tuple[str, ...]:
        """The probe that is tuned on, then those that are checked."""
        tuned = self.tune_on or project.probes[0]
        others = project.probes if self.check_on is None else self.check_on
        return (tuned, *(probe for probe in others if probe != tuned))

    def _budget(self, probe: str) -> PointBudget:
        return with_defaults_from((self.probes or {}).get(probe, PointBudget()), self)

    def _floor(self, name: str) -> float | None:
        return (self.classes or {}).get(name, self.min_recall)

    passing: ClassVar[Example] = Example(
        config="[rules.operating-point]\nmax-boxes = 0\nmin-recall = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        probes={"compliant": {"b_1.jpg": [], "b_2.jpg": []}},
        detections={
            "val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]},
            "compliant": {"b_1.jpg": [("helmet_off", 0.6, 10, 10, 30, 30)]},
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.operating-point]\nmax-boxes = 0\nmin-recall = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        probes={"compliant": {"b_1.jpg": [], "b_2.jpg": []}},
        detections={
            "val": {"a_1.jpg": [("helmet_off", 0.6, 10, 10, 30, 30)]},
            "compliant": {"b_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]},
        },
    )
