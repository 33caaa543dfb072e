"""The rule `class-names`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.errors import nearest
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Family, Outcome, Target


class ClassNames(CountRule, frozen=True, kw_only=True):
    """The detector and the data must have the same class names.

    ## What it checks

    `count` is the number of class names that only one of them has: the detector, or the annotation
    file of the split. Names are compared letter by letter, in any order. A result file that has
    only ids and no `categories` cannot be compared.

    ## Why it matters

    Classes are matched by name. `Helmet-off` and `helmet_off` are two classes to every program: the
    first is never detected, and MMDetection trains without the boxes of the second.

    ## How to fix

    Give the data set's `metainfo` in the training configuration the names of the annotation file,
    and train again; or rename the categories of the file.
    """

    code: ClassVar[str] = "class-names"
    family: ClassVar[Family] = "model"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        model = inputs.detector_classes(dataset.name)
        only_model = [name for name in model if name not in dataset.classes]
        only_data = [name for name in dataset.classes if name not in model]
        told = [
            f"{name!r} is a class of {owner} only{nearest(name, others)}"
            for owner, names, others in (
                ("the detector", only_model, only_data),
                (dataset.name, only_data, only_model),
            )
            for name in names
        ]
        shared = counted(len(model) - len(only_model), "class")
        message = "; ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
        return Outcome(
            message=message or f"the detector and {dataset.name} have the same {shared}",
            measurements=[Measurement.at_most("count", len(told), self.limit(target))],
            findings=[
                Finding(text=text, dataset=dataset.name, label=name)
                for text, name in zip(told, [*only_model, *only_data], strict=True)
            ],
        )

    passing: ClassVar[Example] = Example(
        config="[rules.class-names]",
        detector_classes=("helmet_off",),
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.class-names]",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detector_classes=("Helmet-off",),
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
