"""The rule `absent-class-boxes`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.evidence import ByThreshold, Evidence, Mark, Number, Panel, Series
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rule_evidence.frames import by_highest, shown_frames
from pytest_detgate.rule_evidence.thresholds import (
    advice,
    operating_point_mark,
    said_of_gaps,
    tallest,
    threshold_chart,
    up_to,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.options import Threshold, threshold_of
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.metrics.thresholds import counts_over, threshold_grid


class AbsentClassBoxes(ScoreRule, frozen=True, kw_only=True):
    """Classes that the evaluated split does not contain must not be detected in it.

    ## What it checks

    `boxes` counts the detections with score > threshold on the evaluated split whose class no
    annotation of that split has. `boxes[CLASS]` is the count of each such class.

    ## Why it matters

    AP leaves out every class without ground truth, so boxes of such a class cost nothing: a
    detector may see forklifts all over a split without one.

    ## How to fix

    Look at the images: either the detector is wrong, or the labels are. Then add frames without
    that class to training, or label the objects.
    """

    code: ClassVar[str] = "absent-class-boxes"
    measures: ClassVar[str] = "boxes boxes[CLASS]"
    accepts_findings: ClassVar[bool] = True
    findings_move: ClassVar[bool] = True

    max: Annotated[Count, Meta(description="Largest number of boxes.")] = 0
    score_threshold: Threshold | None = None

    def targets(self, project: Project) -> Iterator[Target]:
        yield self.target(project, project.evaluate_on)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        dataset, detections = inputs.dataset(split), inputs.detections(split)
        threshold = threshold_of(self, inputs.project)
        require_threshold(detections, threshold)
        present = {
            dataset.classes[index] for index in np.unique(dataset.boxes.category) if index >= 0
        }
        absent = [name for name in detections.classes if name not in present]
        is_absent = np.array([name in absent for name in detections.classes], dtype=np.bool_)
        any_score = np.flatnonzero(is_absent[detections.category])
        any_score = any_score[np.argsort(-detections.score[any_score], kind="stable")]
        rows = any_score[detections.score[any_score] > threshold]
        of_class = np.bincount(detections.category[rows], minlength=len(detections.classes))
        listed = ", ".join(absent[:3]) + (" and others" if len(absent) > 3 else "")
        measurements = [
            Measurement.at_most("boxes", len(rows), self.max),
            *(
                Measurement.shown(f"boxes[{name}]", int(of_class[index]))
                for index, name in enumerate(detections.classes)
                if of_class[index]
            ),
        ]
        return Outcome(
            message=(
                f"{counted(len(rows), 'box')} with score > {threshold:g} of "
                f"{counted(len(absent), 'class')} that {split} does not contain "
                f"({listed})"
                if absent
                else f"{split} contains every class of the detector"
            ),
            measurements=measurements,
            findings=detection_findings(dataset, detections, rows),
            findings_total=len(rows),
            evidence=_evidence(dataset, detections, any_score, threshold, measurements),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.absent-class-boxes]",
        classes=("helmet_off", "forklift"),
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("forklift", 0.2, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.absent-class-boxes]",
        classes=("helmet_off", "forklift"),
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("forklift", 0.8, 10, 10, 30, 30)]}},
    )


def _evidence(
    dataset: Dataset,
    detections: DetectionTable,
    rows: NDArray[np.int64],
    threshold: float,
    measurements: Sequence[Measurement],
) -> Evidence:
    """Frames and counts over each threshold; `rows` (n,) are the detections of absent classes,
    best first."""
    thresholds = threshold_grid(detections.score_floor, threshold)
    values: dict[str, list[Number | None]] = {
        "boxes": counts_over(detections.score[rows], thresholds).tolist()
    }
    measured = {measurement.name for measurement in measurements}
    for index, label in enumerate(detections.classes):
        if f"boxes[{label}]" in measured:
            own = rows[detections.category[rows] == index]
            values[f"boxes[{label}]"] = counts_over(detections.score[own], thresholds).tolist()
    by = ByThreshold(thresholds=thresholds, values=values)
    if not len(rows):
        return Evidence(by_threshold=by)
    most = tallest(
        *(
            number
            for measurement in measurements
            for number in (measurement.value, measurement.limit)
        )
    )
    chart = threshold_chart(
        f"Boxes of classes that {dataset.name} does not contain",
        "How many there are over each score threshold. "
        + advice(by, measurements, threshold, None, "the limit")
        + said_of_gaps(values["boxes"], most),
        [
            Panel(
                label="boxes",
                series=[Series(name="boxes", x=thresholds, y=up_to(values["boxes"], most))],
                marks=[
                    Mark(label=f"limit {measurement.limit:g}", at=measurement.limit, axis="y")
                    for measurement in measurements
                    if measurement.limit is not None
                ],
            )
        ],
        [operating_point_mark(threshold)],
    )
    images, text = by_highest(detections, rows, "box")
    return Evidence(
        charts=[chart],
        frames=shown_frames(dataset, detections, images, text),
        frames_total=len(images),
        by_threshold=by,
    )
