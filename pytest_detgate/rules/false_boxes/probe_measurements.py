"""What the rule `probe-fp` measures on the false boxes of a probe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.rules.false_boxes.probe_limits import ProbeBudget
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence, scaled


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FalseBoxes:
    """The n false boxes of a probe of N frames, the surest first.

    `image` (n,) is the frame of each, `category` (n,) its class number, `score` (n,) its score;
    `on_frame` (N,) counts those of each frame, `of_class` those of each class. `boxes` and `frames`
    are the intervals of the number of boxes, and of frames with one.
    """

    image: NDArray[np.int64]
    category: NDArray[np.int64]
    score: NDArray[np.float64]
    classes: tuple[str, ...]
    on_frame: NDArray[np.int64]
    of_class: list[int]
    boxes: Interval
    frames: Interval

    def __len__(self) -> int:
        return len(self.image)

    @property
    def frames_hit(self) -> int:
        """On how many frames there is one."""
        return int(np.count_nonzero(self.on_frame))


def false_boxes_of(
    detections: DetectionTable, rows: NDArray[np.int64], proof: ProbeEvidence
) -> FalseBoxes:
    """Count the false boxes at some rows of the detections."""
    image, category = detections.image[rows], detections.category[rows]
    on_frame = np.bincount(image, minlength=proof.frames)
    return FalseBoxes(
        image=image,
        category=category,
        score=detections.score[rows],
        classes=detections.classes,
        on_frame=on_frame,
        of_class=np.bincount(category, minlength=len(detections.classes)).tolist(),
        boxes=proof.of_boxes(on_frame),
        frames=proof.of_frames(on_frame),
    )


def probe_measurements(
    false: FalseBoxes, budget: ProbeBudget, proof: ProbeEvidence, threshold: float
) -> list[Measurement]:
    """Return all that is measured, beside the limits that the budget sets."""
    return [
        *_of_all(false, budget),
        *_of_classes(false, budget, proof),
        Measurement.shown("images_total", proof.frames),
        Measurement.shown(SCORE_THRESHOLD, threshold),
        *_of_clips(false, proof),
        *_of_scores(false, threshold),
    ]


def _of_all(false: FalseBoxes, budget: ProbeBudget) -> Iterator[Measurement]:
    hold, bound, frames = Measurement.at_most, budget.bound or "point", len(false.on_frame)
    yield hold("boxes", len(false), budget.max_boxes, bound=bound, interval=false.boxes)
    yield hold("images", false.frames_hit, budget.max_images, bound=bound, interval=false.frames)
    yield hold(
        "image_share",
        false.frames_hit / frames,
        budget.max_image_share,
        bound=bound,
        interval=scaled(false.frames, 1 / frames),
    )
    yield hold("boxes_per_image", int(false.on_frame.max()), budget.max_boxes_per_image)
    yield hold(
        "mean_boxes_per_image",
        len(false) / frames,
        budget.max_mean_boxes_per_image,
        bound=bound,
        interval=scaled(false.boxes, 1 / frames),
    )


def _of_classes(
    false: FalseBoxes, budget: ProbeBudget, proof: ProbeEvidence
) -> Iterator[Measurement]:
    """The boxes of each class that has one, or a limit."""
    limits = budget.classes or {}
    for row, (name, count) in enumerate(zip(false.classes, false.of_class, strict=True)):
        if count or name in limits:
            on_frame = np.bincount(false.image[false.category == row], minlength=proof.frames)
            yield Measurement.at_most(
                f"boxes[{name}]",
                count,
                limits.get(name),
                bound=budget.bound or "point",
                interval=proof.of_boxes(on_frame),
            )


def _of_clips(false: FalseBoxes, proof: ProbeEvidence) -> Iterator[Measurement]:
    if proof.clip is not None:
        yield Measurement.shown("clips", len(np.unique(proof.clip[false.on_frame > 0])))
        yield Measurement.shown("clips_total", proof.clips)


def _of_scores(false: FalseBoxes, threshold: float) -> Iterator[Measurement]:
    """The best score, and how many are sure and the only one on their frame."""
    if len(false):
        is_sure = false.score >= (1 + threshold) / 2
        is_alone = false.on_frame[false.image] == 1
        yield Measurement.shown("max_score", float(false.score[0]))
        yield Measurement.shown("confident_alone", int(np.count_nonzero(is_sure & is_alone)))
