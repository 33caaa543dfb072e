"""The rule `class-support`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count
from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import BARS, Bar, BarChart, Evidence, left_out
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import UNREFERENCED, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.metrics.class_floor_rule import require_classes
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class ClassSupport(CountRule, frozen=True, kw_only=True):
    """Every class must occur on enough images and in enough boxes.

    ## What it checks

    `count` is the number of classes of the split's file on fewer than `min-images` images or in
    fewer than `min-boxes` boxes. `images[CLASS]` and `boxes[CLASS]` are shown for each class. Crowd
    regions are not counted. A file without any class is not evaluated.

    ## Why it matters

    A class that training hardly shows is not learned, and mean AP over many classes hides it. With
    only a few boxes in a class, each box changes its AP by whole points.

    ## How to fix

    Collect and label more images of the classes that are named, from other sites rather than more
    frames of the same clip. Remove a class that you no longer want from the file.
    """

    code: ClassVar[str] = "class-support"
    measures: ClassVar[str] = "count images[CLASS] boxes[CLASS]"
    # More boxes of a class could only help it.
    ignored_gaps: ClassVar[frozenset[GapKind]] = UNREFERENCED

    min_images: (
        Annotated[Count, Meta(description="Smallest number of images of a class.")] | None
    ) = None
    min_boxes: Annotated[Count, Meta(description="Smallest number of boxes of a class.")] | None = (
        None
    )

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min-images", "min-boxes")

    def can_fail(self) -> bool:
        return bool(self.min_images or self.min_boxes)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        require_classes(dataset)
        counts = inputs.class_counts(dataset.name)
        lacking = [
            index
            for index in range(len(dataset.classes))
            if counts.images[index] < (self.min_images or 0)
            or counts.boxes[index] < (self.min_boxes or 0)
        ]
        # The class that lacks most comes first.
        lacking.sort(key=lambda index: (counts.images[index], counts.boxes[index]))
        shown = [
            Measurement.shown(f"{what}[{name}]", int(count))
            for what, column in (("images", counts.images), ("boxes", counts.boxes))
            for name, count in zip(dataset.classes, column, strict=True)
        ]

        def findings() -> Iterator[Finding]:
            for index in lacking:
                boxes, images = int(counts.boxes[index]), int(counts.images[index])
                yield Finding(
                    text=f"{dataset.classes[index]}: {counted(boxes, 'box')} on "
                    f"{counted(images, 'image')}",
                    dataset=dataset.name,
                    label=dataset.classes[index],
                )

        limits = [
            f"{least} {what}"
            for least, what in ((self.min_images, "images"), (self.min_boxes, "boxes"))
            if least is not None
        ]
        return Outcome(
            message=f"{counted_of(len(lacking), len(dataset.classes), 'class', 'have')} "
            f"fewer than {' or '.join(limits)}",
            measurements=[Measurement.at_most("count", len(lacking), self.limit(target)), *shown],
            findings=findings(),
            findings_total=len(lacking),
            evidence=Evidence(
                charts=[
                    _chart(dataset, what, column, least)
                    for what, column, least in (
                        ("images", counts.images, self.min_images),
                        ("boxes", counts.boxes, self.min_boxes),
                    )
                    if least is not None and len(column)
                ]
            ),
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, of_table, where
        from pytest_detgate.expectations.wide_tables.wide_table import COUNTS

        if self.limit(target):
            return InExpectations(lacks="a number of classes that are allowed")
        expectations = []
        for name in inputs.dataset(target.datasets[0]).classes:
            column = f"{COUNTS}{name}"
            if self.min_boxes:
                kind = "expect_column_sum_to_be_between"
                boxes = of_table("images", kind, column=column, min_value=self.min_boxes)
                expectations.append(boxes)
            if self.min_images:
                kind = "expect_table_row_count_to_be_between"
                rows = where(column, ">", 0)
                images = of_table("images", kind, min_value=self.min_images, row_condition=rows)
                expectations.append(images)
        return InExpectations(expectations=expectations)

    passing: ClassVar[Example] = Example(
        config="[rules.class-support]\nmin-images = 1\nmin-boxes = 2",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("helmet_off", 60, 10, 30, 30)]}
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.class-support]\nmin-images = 2",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("helmet_off", 60, 10, 30, 30)]}
        },
    )


def _chart(dataset: Dataset, what: str, counts: NDArray[np.int64], least: int) -> BarChart:
    """The images or boxes of each class, those with fewest first."""
    order = np.argsort(counts, kind="stable").tolist()
    n_lacking = int(np.count_nonzero(counts < least))
    about = (
        f"{counted_of(n_lacking, len(counts), 'class', 'have')} fewer than "
        f"{least} {what} in {dataset.name}; {dataset.classes[order[0]]} has fewest, "
        f"{counts[order[0]]}."
    )
    if n_lacking:
        about += " Collect more of them, from other sites rather than more frames of one clip."
    return BarChart(
        title=f"{what.capitalize()} by class",
        about=about + left_out(len(counts), BARS, "rarest"),
        label=what,
        bars=[
            Bar(
                name=dataset.classes[index],
                value=int(counts[index]),
                limit=least,
                passed=bool(counts[index] >= least),
            )
            for index in order[:BARS]
        ],
    )
