"""The rule `class-ap`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.interval_rule import ClassFloorRule, said
from pytest_detgate.gate.rule import Inputs, Outcome, Target
from pytest_detgate.scoring.score_card import PROTOCOL, ApMetric


class ClassAp(ClassFloorRule, frozen=True, kw_only=True):
    """AP of each class of the evaluated split must reach its floor.

    ## What it checks

    `ap` is the AP of one class by the COCO protocol of pycocotools, unrounded; `boxes` is its
    ground truth. `min` is the floor of every class, `classes` gives single classes their own.
    A class without ground truth has no AP, so it is not evaluated, and that fails.
    Beside the value stand its bounds, from a bootstrap over clips (over images where there are
    no clips); with `bound = "lower"` the lower one is held against the floor.

    ## Why it matters

    The mean over classes hides the one class that the product is about.

    ## How to mend

    See how much ground truth the class has: few boxes need more data, many need better labels
    or longer training.
    """

    code: ClassVar[str] = "class-ap"
    figure: ClassVar[str] = "AP"

    metric: ApMetric = "AP"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        support = self.support(target, inputs)
        value: float | None = getattr(inputs.scores(split).classes[support.name], self.metric)
        if value is None:
            raise DataError(f"AP of class {support.name!r} is not defined on {split}")
        interval = self.interval(
            inputs,
            split,
            lambda draws: inputs.replicates(split, "all", draws.replicates, draws.seed).figure(
                self.metric, support.category
            ),
        )
        return Outcome(
            message=f"{self.metric} {value:.3f} on {split}, {support.boxes} boxes ({PROTOCOL})"
            f"{said(interval)}",
            measurements=[
                Measurement.at_least(
                    "ap", value, self.floor(support.name), bound=self.bound, interval=interval
                ),
                Measurement.shown("boxes", support.boxes),
                Measurement.shown("images", support.images),
            ],
        )

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
