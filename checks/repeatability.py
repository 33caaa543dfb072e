"""The rule `repeatability`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.counts import part_verb
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import RunningRule
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.comparison.agreement import ABSENT, agreement


class Repeatability(RunningRule, frozen=True, kw_only=True):
    """Two inferences of the same checkpoint on the same images must agree.

    ## What it checks

    Some images of the evaluated split, spread evenly over it, are inferred twice; cached detections
    are not used. Detections of the two inferences are paired one to one within an image and class,
    those that overlap most first. `score_difference` is the largest difference between the scores
    of a pair. For a detection that only one inference has, it is the score above the model's own
    score floor. `box_difference` is the largest distance, in pixels, between two edges of a pair.
    `boxes` counts pairs and detections without a partner, `unpaired` the latter.

    A CPU gives 0. A GPU may add numbers in another order each time, which shows in the last of the
    seven digits of float32. The default limits allow for that. They are far below what changes a
    decision: no threshold is set to 0.0001, and nobody draws a box to a tenth of a pixel. If the
    model returns a limited number of boxes (`max_per_img`), rounding may decide which box is the
    last. In that case, raise the score floor (`score_thr`).

    ## Why it matters

    If the same image gets two different results, the digits of every measured value of this model
    mean nothing, and an alarm cannot be explained afterwards.

    ## How to fix

    Look for anything random in testing: dropout or augmentation that is still on, a custom module
    that ignores `eval()`, a test pipeline with a random step, a state that is carried from one
    image to the next. On a GPU, `torch.use_deterministic_algorithms(True)` names the operator.
    """

    code: ClassVar[str] = "repeatability"
    measures: ClassVar[str] = "score_difference box_difference images boxes unpaired"
    moves_limits: ClassVar[bool] = False

    max_score_difference: Annotated[Share, Meta(description="Largest difference of a score.")] = (
        1e-4
    )
    max_box_difference: Annotated[
        float, Meta(ge=0, description="Largest distance of an edge, in pixels.")
    ] = 0.1
    images: Annotated[
        int, Meta(ge=1, description="Number of images, or all if there are fewer.")
    ] = 16

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        twice = inputs.infer_twice(split, self.images)
        compared = agreement(twice.first, twice.second)
        if not len(compared):
            raise TooLittleEvidenceError(
                f"neither inference found a box on {counted(len(twice.rows), 'image')} of {split}"
            )
        score, box, alone = compared.score_difference, compared.box_difference, compared.unpaired
        over = np.flatnonzero((score > self.max_score_difference) | (box > self.max_box_difference))
        worst_first = over[np.lexsort((-box[over], -score[over]))]
        names = inputs.dataset(split).images.file_name

        def findings() -> Iterator[Finding]:
            for index in worst_first:
                first, second = int(compared.first[index]), int(compared.second[index])
                table, row = (twice.second, second) if first == ABSENT else (twice.first, first)
                label = table.classes[table.category[row]]
                if alone[index]:
                    which = "second" if first == ABSENT else "first"
                    text = f"{label} {table.score[row]:.4f} only in the {which} inference"
                else:
                    text = (
                        f"{label} {table.score[row]:.4f} then {twice.second.score[second]:.4f}, "
                        f"box moved {box[index]:.3g} px"
                    )
                yield Finding(
                    text=text,
                    dataset=split,
                    image=str(names[table.image[row]]),
                    box=tuple(table.xywh[row].tolist()),
                    label=label,
                    score=float(table.score[row]),
                )

        return Outcome(
            message=(
                f"{len(over)} of {counted(len(compared), 'box')} on "
                f"{counted(len(twice.rows), 'image')} "
                f"{part_verb(len(over), len(compared), 'differ')} beyond the limits, scores by "
                f"{score.max():.3g} and edges by {box.max():.3g} px at most, on {twice.device}"
            ),
            measurements=[
                Measurement.at_most(
                    "score_difference", float(score.max()), self.max_score_difference
                ),
                Measurement.at_most("box_difference", float(box.max()), self.max_box_difference),
                Measurement.shown("images", len(twice.rows)),
                Measurement.shown("boxes", len(compared)),
                Measurement.shown("unpaired", int(alone.sum())),
            ],
            findings=findings(),
            findings_total=len(over),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.repeatability]\nmax-box-difference = 0.5",
        splits={"val": {"a_1.jpg": []}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        again={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10.25, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.repeatability]\nmax-box-difference = 0.5",
        splits={"val": {"a_1.jpg": []}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        again={"val": {"a_1.jpg": [("helmet_off", 0.7, 10, 10, 30, 30)]}},
    )
