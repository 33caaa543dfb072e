"""The rule `absent-class-boxes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.findings import Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.places import counted, detection_findings
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import Inputs, Outcome, ScoreRule, Target
from pytest_detgate.scoring.false_boxes import require_threshold


class AbsentClassBoxes(ScoreRule, frozen=True, kw_only=True):
    """Classes that the evaluated split does not contain must not be detected in it.

    ## What it checks

    `boxes` counts the detections with score > threshold on the evaluated split of classes that no
    annotation of it has; `boxes[CLASS]` those of each such class.

    ## Why it matters

    AP leaves out every class without ground truth, so boxes of such a class cost nothing: a
    detector may see forklifts all over a split without one.

    ## How to mend

    Look at the pictures: either the detector is wrong, or the labels are. Then add frames without
    that class to training, or label it.
    """

    code: ClassVar[str] = "absent-class-boxes"

    max: Annotated[Count, Meta(description="Largest number of boxes that is allowed.")] = 0
    score_threshold: (
        Annotated[Share, Meta(description="Operating point; omitted: that of [model].")] | None
    ) = None

    def targets(self, project: Project) -> Iterator[Target]:
        yield self.target(project, project.evaluate_on)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        dataset, detections = inputs.dataset(split), inputs.detections(split)
        threshold = (
            inputs.project.score_threshold if self.score_threshold is None else self.score_threshold
        )
        require_threshold(detections, threshold)
        present = {dataset.classes[at] for at in np.unique(dataset.boxes.category) if at >= 0}
        absent = [name for name in detections.classes if name not in present]
        is_absent = np.array([name in absent for name in detections.classes], dtype=np.bool_)
        rows = np.flatnonzero(is_absent[detections.category] & (detections.score > threshold))
        rows = rows[np.argsort(-detections.score[rows], kind="stable")]
        of_class = np.bincount(detections.category[rows], minlength=len(detections.classes))
        listed = ", ".join(absent[:3]) + (" and others" if len(absent) > 3 else "")
        return Outcome(
            message=(
                f"{counted(len(rows), 'box', 'boxes')} with score > {threshold:g} of "
                f"{counted(len(absent), 'class', 'classes')} that {split} does not contain "
                f"({listed})"
                if absent
                else f"{split} contains every class of the detector"
            ),
            measurements=[
                Measurement.at_most("boxes", len(rows), self.max),
                *(
                    Measurement.shown(f"boxes[{name}]", int(of_class[at]))
                    for at, name in enumerate(detections.classes)
                    if of_class[at]
                ),
            ],
            findings=detection_findings(dataset, detections, rows),
            findings_total=len(rows),
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
