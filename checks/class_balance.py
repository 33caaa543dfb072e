"""The rule `class-balance`."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.counts import with_noun
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import BARS, Bar, BarChart, Evidence, left_out
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.metrics.class_floor_rule import require_classes
from pytest_detgate.rules.rule import Outcome, Target


class ClassBalance(SplitRule, frozen=True, kw_only=True):
    """The most frequent class may not outnumber the least frequent one too far.

    ## What it checks

    `ratio` is the number of boxes of the most frequent class divided by that of the least frequent
    one. `boxes[CLASS]` is shown for each class. Crowd regions are not counted. If a class has no
    box, there is no ratio, and the rule cannot be evaluated.

    ## Why it matters

    If one class is a thousand times as frequent as another, nearly all corrections in training are
    about the frequent one. The rare class, often the violation that the detector is for, comes
    last.

    ## How to fix

    Collect more images of the rare classes, or sample their images more often in training, and
    accept here what is left.
    - MMDetection: `ClassBalancedDataset` samples them more often.
    """

    code: ClassVar[str] = "class-balance"
    measures: ClassVar[str] = "ratio boxes[CLASS]"

    max_ratio: Annotated[
        float, Meta(ge=1, description="Most boxes of one class for each box of any other.")
    ]

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        require_classes(dataset)
        boxes = inputs.class_counts(dataset.name).boxes
        order = np.argsort(boxes, kind="stable")
        least, most = int(order[0]), int(order[-1])
        if not boxes[least]:
            raise DataError(
                f"class {dataset.classes[least]!r} has no box in {dataset.name}, so its ratio to "
                f"{dataset.classes[most]!r} ({counted(int(boxes[most]), 'box')}) is not defined"
            )
        ratio = float(boxes[most] / boxes[least])
        unequal = [index for index in order.tolist() if boxes[most] / boxes[index] > self.max_ratio]
        message = f"{counted(int(boxes[most]), 'box')} of {dataset.classes[most]}"
        if most != least:
            message += f", {boxes[least]} of {dataset.classes[least]}"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("ratio", ratio, self.max_ratio),
                *(
                    Measurement.shown(f"boxes[{name}]", int(count))
                    for name, count in zip(dataset.classes, boxes, strict=True)
                ),
            ],
            findings=(
                Finding(
                    text=f"{dataset.classes[index]}: 1 box for {boxes[most] / boxes[index]:.4g} of "
                    f"{dataset.classes[most]}",
                    dataset=dataset.name,
                    label=dataset.classes[index],
                )
                for index in unequal
            ),
            findings_total=len(unequal),
            evidence=Evidence(charts=[self._chart(dataset, boxes, order.tolist())]),
        )

    def _chart(self, dataset: Dataset, boxes: NDArray[np.int64], order: list[int]) -> BarChart:
        """Boxes by class, the rarest first, and the most frequent one."""
        most = boxes.max()
        rarest = order if len(order) <= BARS else order[: BARS - 1]
        ratio = most / boxes[order[0]]
        todo = ": collect or sample more of the rare ones" if ratio > self.max_ratio else ""
        return BarChart(
            title="Boxes by class",
            about=f"{dataset.classes[order[-1]]} has {with_noun(f'{ratio:.4g}', 'box')} for 1 of "
            f"{dataset.classes[order[0]]}. With at most {self.max_ratio:g} for 1 every class needs "
            f"{with_noun(f'{most / self.max_ratio:.4g}', 'box')}{todo}."
            + left_out(len(order), len(rarest), "rarest and the most frequent"),
            label="boxes",
            bars=[
                Bar(
                    name=dataset.classes[index],
                    value=int(boxes[index]),
                    limit=float(most / self.max_ratio),
                    passed=bool(most / boxes[index] <= self.max_ratio),
                )
                for index in dict.fromkeys([*rarest, order[-1]])
            ],
        )

    passing: ClassVar[Example] = Example(
        config="[rules.class-balance]\nmax-ratio = 2",
        classes=("helmet_off", "vest_off"),
        splits={
            "train": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("vest_off", 60, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 10, 10, 30, 30)],
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.class-balance]\nmax-ratio = 2",
        classes=("helmet_off", "vest_off"),
        splits={
            "train": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("vest_off", 60, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 10, 10, 30, 30), ("helmet_off", 60, 10, 30, 30)],
            }
        },
    )
