"""The rule `operating-point`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.trade_off import ProbeCurve, TradeOff, trade_off_chart
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.options import (
    require_limit,
    require_names,
    require_probe,
    with_defaults_from,
)
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.operating_point import (
    FalseBoxCurve,
    RecallCurve,
    false_box_curve,
    recall_curve,
)

MaxBoxes = Annotated[Count, Meta(description="Largest number of false boxes.")]
MaxImages = Annotated[Count, Meta(description="Largest number of frames with a false box.")]


class PointBudget(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The budget of one probe; what it leaves out is taken from the rule's own table."""

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None


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
    - `recall` only by its bound: The split has too few objects to prove this recall.
    """

    code: ClassVar[str] = "operating-point"
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
    probes: (
        Annotated[dict[str, PointBudget], Meta(description="Budgets of single probes.")] | None
    ) = None
    min_recall: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_probe(project.probes)
        require_limit(self, "min-recall", "classes")
        if self.tune_on is not None:
            require_names("probe", (self.tune_on,), project.probes, "tune-on")
        require_names("probe", self.check_on or (), project.probes, "check-on")
        require_names("probe", self.probes or (), project.probes, table=["probes"])
        require_names("class", self.classes or (), project.evaluated_classes, table=["classes"])
        for probe in self._probes(project):
            budget = self._budget(probe)
            if budget.max_boxes is None and budget.max_images is None:
                raise OptionError(
                    f"probe {probe!r} has no budget; give max-boxes or max-images, here or in a "
                    f"table [rules.operating-point.probes.{probe}]"
                )

    def targets(self, project: Project) -> Iterator[Target]:
        names = (project.evaluate_on, *self._probes(project))
        yield Target(datasets=names, detections=names)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split, tuned, *others = target.datasets
        floor_of_scores = inputs.detections(split).score_floor
        curves = self._curves(split, inputs)
        together = recall_curve(inputs.matches(split), score_floor=floor_of_scores)
        assert together is not None  # each class has boxes to find
        false = {
            probe: false_box_curve(inputs.dataset(probe), inputs.detections(probe))
            for probe in (tuned, *others)
        }
        budget = self._budget(tuned)
        threshold = false[tuned].lowest_threshold(budget.max_boxes, budget.max_images)
        threshold = max(threshold, floor_of_scores)
        floors = {name: floor for name in curves if (floor := self._floor(name)) is not None}
        needed = {name: curves[name].threshold_for_recall(floor) for name, floor in floors.items()}
        measurements = [
            Measurement.shown("threshold", threshold),
            *_held(false[tuned], threshold, budget),
            Measurement.shown("recall", together.recall(threshold)),
            *(
                Measurement.at_least(f"recall[{name}]", curve.recall(threshold), floors.get(name))
                for name, curve in curves.items()
            ),
            *(
                measured
                for probe in others
                for measured in _held(false[probe], threshold, self._budget(probe), f"[{probe}]")
            ),
        ]
        trade_off = TradeOff(
            chosen=threshold,
            configured=inputs.project.score_threshold,
            probes={
                probe: ProbeCurve(
                    false=curve,
                    max_boxes=self._budget(probe).max_boxes,
                    max_images=self._budget(probe).max_images,
                )
                for probe, curve in false.items()
            },
            split=split,
            together=together,
            classes={name: (curve, floors.get(name)) for name, curve in curves.items()},
        )
        return Outcome(
            message=_message(
                threshold, tuned, others, false, curves, floors, needed, inputs, measurements
            ),
            measurements=measurements,
            evidence=Evidence(charts=[trade_off_chart(trade_off)]),
        )

    def _probes(self, project: Project) -> tuple[str, ...]:
        """The probe that is tuned on, then those that are checked."""
        tuned = self.tune_on or project.probes[0]
        others = project.probes if self.check_on is None else self.check_on
        return (tuned, *(probe for probe in others if probe != tuned))

    def _budget(self, probe: str) -> PointBudget:
        return with_defaults_from((self.probes or {}).get(probe, PointBudget()), self)

    def _floor(self, name: str) -> float | None:
        return (self.classes or {}).get(name, self.min_recall)

    def _curves(self, split: str, inputs: Inputs) -> dict[str, RecallCurve]:
        matches = inputs.matches(split)
        score_floor = inputs.detections(split).score_floor
        curves = {}
        for category, name in enumerate(matches.candidates.columns.classes):
            curve = recall_curve(matches, category, score_floor=score_floor)
            if curve is not None:
                curves[name] = curve
            elif self._floor(name) is not None:
                raise DataError(
                    f"class {name!r} has no ground truth in {split}, so its recall is not defined"
                )
        return curves

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


def _held(
    false: FalseBoxCurve, threshold: float, budget: PointBudget, suffix: str = ""
) -> list[Measurement]:
    boxes, images = false.boxes_over(threshold), false.images_over(threshold)
    return [
        Measurement.at_most(f"boxes{suffix}", boxes, budget.max_boxes),
        Measurement.at_most(f"images{suffix}", images, budget.max_images),
    ]


def _message(
    threshold: float,
    tuned: str,
    others: list[str],
    false: Mapping[str, FalseBoxCurve],
    curves: Mapping[str, RecallCurve],
    floors: Mapping[str, float],
    needed: Mapping[str, float | None],
    inputs: Inputs,
    measurements: list[Measurement],
) -> str:
    short = [name for name, floor in floors.items() if curves[name].recall(threshold) < floor]
    at = counted(false[tuned].boxes_over(threshold), "false box")
    if short:
        worst = min(short, key=lambda name: curves[name].recall(threshold) - floors[name])
        told = (
            f"no threshold meets both: the budget of {tuned} asks for score > {threshold:.3g}, "
            f"where recall of {worst} is {curves[worst].recall(threshold):.3f} and its floor "
            f"{floors[worst]:g}; "
        )
        if any(needed[name] is None for name in short):
            return told + "no threshold at all reaches that floor"
        lower = min(value for value in needed.values() if value is not None)
        boxes = counted(false[tuned].boxes_over(lower), "false box")
        return told + f"the floors ask for score > {lower:.3g}, where there are {boxes}"
    highest = min((value for value in needed.values() if value is not None), default=math.inf)
    upto = "" if math.isinf(highest) else f" up to {highest:.3g}"
    told = f"score > {threshold:.3g}{upto} meets both: {at} on {tuned} there"
    over = [measured.name for measured in measurements if measured.passed is False]
    if over:
        told += f"; but it does not hold on another probe: {', '.join(over)}"
    elif not others:
        told += "; there is no other probe to check it on"
    own = inputs.project.score_threshold
    if not threshold <= own <= highest:
        told += f"; score-threshold of [model] is {own:g}"
    return told
