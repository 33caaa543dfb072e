"""The rule `probe-fp`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rule_evidence.probe import evidence_of_probe, what_follows
from pytest_detgate.rule_evidence.thresholds import recall_of_split
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import (
    LIMITS,
    Bound,
    BoundConfidence,
    ByClass,
    MaxBoxes,
    MaxImages,
    MaxImageShare,
    MaxMean,
    MaxOnImage,
    MinImages,
    ProbeBudget,
    Unit,
    counts_text,
)
from pytest_detgate.rules.false_boxes.probe_measurements import (
    false_boxes_of,
    probe_measurements,
)
from pytest_detgate.rules.false_boxes.probe_needs import needs_of_probe
from pytest_detgate.rules.false_boxes.probe_plan import planned_of_probe
from pytest_detgate.rules.families import ProbeRule
from pytest_detgate.rules.metrics.score_rules import TooLittle, confidence_of, require_support
from pytest_detgate.rules.options import (
    Threshold,
    require_limit_of_probe,
    require_names,
    require_probes,
    threshold_of,
    unknown_classes,
    with_defaults_from,
)
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.false_boxes import false_boxes


class ProbeFp(ProbeRule, frozen=True, kw_only=True):
    """False boxes on frames with nothing to detect must stay within a budget.

    ## What it checks

    A false box is a detection with score > threshold on a frame of a probe that is not matched one
    to one (same class, IoU ≥ 0.5) to an allowed box. A crowd region explains every detection of its
    class of which at least half is in it.

    - `boxes`: the number of false boxes, `boxes[CLASS]` of one class;
    - `images`: the frames with at least one, of `images_total`; `image_share` is their share;
    - `boxes_per_image`: the most on one frame;
    - `mean_boxes_per_image`: the mean over all frames;
    - `max_score`: the highest score of a false box;
    - `clips`: the clips with at least one, of `clips_total`, if clips are known;
    - `confident_alone`: the false boxes that are the only one on their frame and score at least
      halfway from the threshold to 1.

    With `bound = "upper"` the one-sided upper bound at `confidence` is compared with each limit.
    Luck on a few frames then does not pass. The report shows both bounds in any case.

    Frames of one clip are not independent. So if clips are known, by `frame-pattern` or the
    `clip-field` of `[scoring]`, the bounds are computed by clips, with room for one more clip
    unlike all clips seen. For a share of frames, that clip fires on all its frames: with no false
    box on 59 clips, fewer than 5% of such frames have one. For boxes, it has on each frame one box
    more than the worst frame seen. A frame whose clip is unknown is a clip by itself. If no clip is
    known, or with `unit = "image"`, the bounds assume independent frames, and the message says so:
    the exact Poisson bound of a number of boxes, where several boxes of one frame are one event
    (Fay and Feuer 1997), and the exact binomial bound (Clopper-Pearson) of a number of frames. A
    probe of fewer than `min-images` frames proves nothing: it is not evaluated, or only warns with
    `too-little = "warn"`.

    A detector that finds nothing at all has no false boxes either. So a probe without any
    detection, at any score, is evaluated only if the detector finds something on images with ground
    truth. A model is run on images of the evaluated split until it does. With result files, that of
    the evaluated split must be given too.

    ## Why it matters

    Every such box is a false alarm on a worker who did nothing wrong. AP does not count them: any
    number of false boxes may score below the last true one for free. And a clean result on a few
    frames proves little: a detector that fires on every third frame shows none on 6 frames about
    once in eleven times.

    ## How to fix

    Look at the frames on the page.
    - `confident_alone` found: A confident box that is alone on its frame may be an object that
      nobody labelled: check these first.
    - `boxes` too high: If the model fires on what training never showed as harmless, add such
      frames to training.
    - `images` too high: If the model fires on what training never showed as harmless, add such
      frames to training.
    - `boxes_per_image` too high: Look at the frame with the most boxes: duplicates of one object
      need a stricter non-maximum suppression.
    - `image_share` only by its bound: The probe needs more frames, from other clips.
    - `mean_boxes_per_image` only by its bound: The probe needs more frames, from other clips.
    - `boxes` only by its bound: What was seen is within the limit, but so few frames do not prove
      it: raise the limit, or state it as a share and add frames from other clips.
    - MMDetection: Training keeps such frames only with `filter_empty_gt=False`.
    """

    code: ClassVar[str] = "probe-fp"
    measures: ClassVar[str] = (
        "boxes boxes[CLASS] images image_share boxes_per_image mean_boxes_per_image images_total "
        "score_threshold clips clips_total max_score confident_alone"
    )
    accepts_findings: ClassVar[bool] = True
    findings_move: ClassVar[bool] = True

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_image_share: MaxImageShare | None = None
    max_boxes_per_image: MaxOnImage | None = None
    max_mean_boxes_per_image: MaxMean | None = None
    classes: ByClass | None = None
    score_threshold: Threshold | None = None
    bound: Bound = "point"
    confidence: BoundConfidence | None = None
    unit: Unit = "auto"
    min_images: MinImages | None = None
    too_little: TooLittle = "fail"
    probes: (
        Annotated[dict[str, ProbeBudget], Meta(description="Budgets of single probes.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_probes(self.probes or (), project, table=["probes"])
        require_names("class", self.classes or (), project.known_classes, table=["classes"])
        for probe, own in (self.probes or {}).items():
            table = ["probes", probe, "classes"]
            require_names("class", own.classes or (), project.known_classes, table=table)
        for probe in project.probes:
            budget = self.budget(probe)
            require_limit_of_probe(self.code, probe, budget, LIMITS)
            tells = project.frame_pattern is not None or project.tables.scoring.clip_field
            if budget.unit == "clip" and not tells:
                raise OptionError(
                    'unit = "clip" cannot tell clips: give [dataset] frame-pattern, or clip-field '
                    "in [scoring]",
                    *self._key_and_tables(probe, "unit"),
                )

    def budget(self, probe: str) -> ProbeBudget:
        """What holds for one probe: its own options, else the rule's."""
        return with_defaults_from((self.probes or {}).get(probe, ProbeBudget()), self)

    def _key_and_tables(self, probe: str, option: str) -> tuple[str, list[str]]:
        """The key of an option of a probe, and the table that it is in."""
        own = (self.probes or {}).get(probe)
        given = own is not None and getattr(own, option) is not None
        return option.replace("_", "-"), ["probes", probe] if given else []

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        return planned_of_probe(self.budget(target.datasets[0]), target.datasets[0], inputs)

    def proves(self, target: Target) -> bool:
        return self.budget(target.datasets[0]).bound != "point"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        probe = target.datasets[0]
        budget = self.budget(probe)
        dataset = inputs.dataset(probe)
        frames = len(dataset.images)
        require_support(probe, {"images": (frames, budget.min_images)})
        detections = inputs.detections(probe)
        threshold = threshold_of(budget, inputs.project)
        # A box is matched before those that score less, so the false boxes over a threshold are
        # the first of those over any lower one.
        floor = min(threshold, detections.score_floor)
        any_score = false_boxes(dataset, detections, floor)
        false = inputs.false_boxes(probe, threshold)
        proof = self._proof(probe, budget, inputs, frames)
        counts = false_boxes_of(detections, false, proof)
        measurements = probe_measurements(counts, budget, proof, threshold)
        return Outcome(
            message="; ".join(
                [
                    counts_text(
                        counts.of_class, detections.classes, counts.frames_hit, frames, budget
                    ),
                    *([] if _over(measurements) else [what_follows(counts.frames, proof)]),
                    *_out_of_reach(budget, proof),
                ]
            ),
            measurements=measurements,
            findings=detection_findings(dataset, detections, false),
            findings_total=len(false),
            evidence=evidence_of_probe(
                dataset,
                detections,
                any_score,
                threshold=threshold,
                measurements=measurements,
                proof=proof,
                recall=recall_of_split(inputs),
            ),
            needs=needs_of_probe(measurements, proof, counts.on_frame),
            missing=unknown_classes(budget.classes, detections.classes, "budget"),
        )

    def _proof(self, probe: str, budget: ProbeBudget, inputs: Inputs, frames: int) -> ProbeEvidence:
        clip: NDArray[np.int64] | None = None
        if budget.unit != "image":
            units = inputs.units(probe)
            if units.kind == "clip":
                clip = units.of_image
            elif budget.unit == "clip":
                reason = f'unit = "clip": no frame of {probe} tells its clip'
                raise DataError(reason, of_data=True)
        confidence = confidence_of(budget, inputs.project)
        return ProbeEvidence(frames=frames, confidence=confidence, clip=clip)

    passing: ClassVar[Example] = Example(
        config="""
            [rules.probe-fp]
            max-boxes = 3
            bound = "upper"
            """,
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={"compliant": {"a_1.jpg": [("helmet_off", 0.2, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.probe-fp]
            max-boxes = 3
            bound = "upper"
            """,
        probes={"compliant": {"a_1.jpg": [], "a_2.jpg": []}},
        detections={"compliant": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]}},
    )


def _over(measurements: Sequence[Measurement]) -> bool:
    """Whether what was seen is too much already, for any result of the other frames."""
    return any(each.limit is not None and each.value > each.limit for each in measurements)


def _out_of_reach(budget: ProbeBudget, proof: ProbeEvidence) -> list[str]:
    """Say where a number of boxes is under the upper bound of no false box at all."""
    least = proof.of_boxes(np.zeros(proof.frames, dtype=np.int64)).high
    budgets = [budget.max_boxes, *(budget.classes or {}).values()]
    if budget.bound == "upper" and any(most is not None and most < least for most in budgets):
        return [f"the upper bound of no box at all is {least:.3g}, so a lower budget never passes"]
    return []
