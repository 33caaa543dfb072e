"""What is on a frame at a score threshold: how many boxes of which kind and class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.report.figures.outlines import numbers_of

CLASSES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What is drawn at the threshold the page opens with."""

    detections: int
    false: int
    truth: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """A class, how many of its detections there are at that threshold or, where no model has
    looked, how many boxes, and the number that tags give in place of its name."""

    label: str
    boxes: int
    number: int | None
    annotated: bool


def with_detections(frames: Iterable[Frame]) -> bool:
    """Tell whether frames show what a model detected; else they are of data alone."""
    return any(box.score is not None for frame in frames for box in frame.boxes)


def count_at(boxes: Sequence[FrameBox], threshold: float, *, detected: bool) -> Count:
    """Count what is drawn at a score threshold."""
    over = [box for box in boxes if box.score is not None and box.score > threshold]
    return Count(
        detections=len(over),
        false=sum(box.false for box in over),
        truth=sum(box.score is None for box in boxes),
        missed=sum(detected and is_missed(box, threshold) for box in boxes),
    )


def classes_of(ranked: Sequence[FrameBox], threshold: float, *, detected: bool) -> list[ClassCount]:
    """Count detections by class, or annotated boxes where no model has looked; the most frequent
    first. Classes that have some at any threshold are all there, up to a few."""
    counted_boxes = [box for box in ranked if (box.score is not None) == detected]
    over = Counter({box.label: 0 for box in ranked})
    over.update(box.label for box in counted_boxes if not detected or score_of(box) > threshold)
    order = over.most_common(CLASSES)
    numbers = numbers_of(label for label, _ in order)
    annotated = {box.label for box in ranked if box.score is None}
    return [
        ClassCount(
            label=label, boxes=count, number=numbers.get(label), annotated=label in annotated
        )
        for label, count in order
    ]


def counts_text(count: Count, threshold: float, *, detected: bool) -> str:
    """Say in words what is drawn."""
    truth = f"{counted(count.truth, 'box')} of ground truth"
    if not detected:
        return truth
    text = f"{counted(count.detections, 'detection')}, {count.false:,} of them false"
    over = f"at score over {number(threshold)}"
    return f"{truth}, {count.missed:,} of them missed, {text} {over}"


def is_missed(box: FrameBox, threshold: float) -> bool:
    """Tell whether a box of the ground truth is missed at a score threshold."""
    if box.score is not None or box.crowd:
        return False
    return box.found_at is None or box.found_at <= threshold


def is_hidden(box: FrameBox, threshold: float) -> bool:
    """Tell whether a detection is drawn only where the slider is below the threshold."""
    return box.score is not None and score_of(box) <= threshold


def score_of(box: FrameBox) -> float:
    """Return the score of a detection; -1 where there is none that is a number."""
    return -1.0 if box.score is None or not math.isfinite(box.score) else box.score


def box_name(box: FrameBox) -> str:
    """Return the class and the score of a box."""
    return box.label if box.score is None else f"{box.label} {score_of(box):.2f}"
