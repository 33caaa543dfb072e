"""What an item on a single class of the evaluated split shows.

There is an item for each class, and a data set may have a thousand of them.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, zip_longest

import numpy as np

from pytest_detgate.evidence import Frame
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rule_evidence.frames import frames_for_class, shown_frames
from pytest_detgate.scoring.metrics.precision_recall import rows_of_class
from pytest_detgate.scoring.metrics.recall import boxes_of_class, found_boxes

CLASSES_WITH_CURVES = 100
"""With more classes than that, only those which miss their floor have curves."""
CLASSES_WITH_FRAMES = 20
"""With more classes than that, only those which miss their floor have frames."""


def has_curves(classes: int, measurement: Measurement) -> bool:
    """Whether the item of one of so many classes has evidence at all."""
    return classes <= CLASSES_WITH_CURVES or measurement.passed is False


def frames_of_class(
    inputs: Inputs,
    split: str,
    category: int,
    threshold: float,
    measurement: Measurement,
    *,
    with_false: bool,
) -> tuple[list[Frame], int]:
    """Frames with the errors of one class at a score threshold, and how many there are.

    Those with the most boxes that are not found come first; `with_false` takes turns with those
    of the highest false boxes. Among many classes one that keeps its floor, which
    `measurement` says, shows none.
    """
    matches = inputs.matches(split)
    columns, candidates = matches.candidates.columns, matches.candidates
    name = columns.classes[category]
    if len(columns.classes) > CLASSES_WITH_FRAMES and measurement.passed is not False:
        return [], 0
    boxes = boxes_of_class(matches, category)
    missed = np.setdiff1d(boxes, found_boxes(matches, category, threshold))
    misses = Counter(columns.gt_image[missed].tolist())
    in_all = Counter(columns.gt_image[boxes].tolist())
    false: dict[int, float] = {}
    if with_false:
        rows = rows_of_class(matches, category)
        rows = rows[matches.false()[rows] & (candidates.score[rows] > threshold)]
        for image, score in zip(
            candidates.image[rows].tolist(), candidates.score[rows].tolist(), strict=True
        ):
            false.setdefault(image, score)
    most_missed = [image for image, _ in misses.most_common()]
    turns = chain.from_iterable(zip_longest(false, most_missed))
    images = list(dict.fromkeys(image for image in turns if image is not None))

    def text(row: int) -> str:
        parts = []
        if row in misses:
            parts.append(f"{misses[row]} of {in_all[row]} {name} not found")
        if row in false:
            parts.append(f"highest false {name} {false[row]:.2f}")
        return f"{'; '.join(parts)} (score > {threshold:g})"

    return (
        shown_frames(
            inputs.dataset(split),
            inputs.detections(split),
            images,
            text,
            frames_for_class(len(columns.classes)),
        ),
        len(images),
    )
