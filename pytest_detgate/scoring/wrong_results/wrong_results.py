"""What is wrong with detections as a whole, judged by the ground truth of their images.

A detector may be as weak as it likes: what is looked for here are detections that somebody wrote in
another form, with other class numbers, twice, or only for some of the images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import Boxes
from pytest_detgate.counts import counted, counted_of, part_verb
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.wrong_results.box_forms import other_form
from pytest_detgate.scoring.wrong_results.class_order import other_order
from pytest_detgate.scoring.wrong_results.image_order import other_images
from pytest_detgate.scoring.wrong_results.truth_pairs import TruthPairs, truth_pairs

MIN_REPEATED = 5
MIN_SHARE_REPEATED = 0.25
MIN_OUTSIDE = 10
MAX_TRUTH_OUTSIDE = 0.1
LOW_FLOOR = 0.05
_LARGER = 1.5
_ON_OBJECT = 0.3
_MANY_ROWS = 10
_MIN_BLANK = 5
_MIN_SHARE_BLANK = 0.2
_TIMES_EXPECTED = 4
_FOUND_IOU = 0.5
_ODD = np.random.default_rng(0).integers(1 << 62, size=7, dtype=np.uint64) * 2 + 1


def what_is_wrong(dataset: Dataset, detections: DetectionTable) -> str | None:
    """Say why detections cannot be judged as they are; None where nothing speaks against them, or
    where there is no ground truth to compare with."""
    pairs = truth_pairs(dataset, detections)
    if not len(pairs):
        return None
    form = other_form(pairs)
    if form is not None:
        return f"{form}. Write [x, y, width, height] in pixels of the image"
    order = other_order(pairs, detections.category, detections.classes, dataset.classes)
    if order is not None:
        return f"{order}. Give the classes by name, or in the order of the detector"
    images = other_images(dataset, detections, pairs)
    if images is not None:
        return f"{images}. Compare the image ids with those of the annotations"
    return _outside(pairs) or _twice(detections) or _only_some(dataset, detections, pairs)


def repeated_rows(detections: DetectionTable) -> int:
    """The number of rows that repeat an earlier one: the same image, class, box and score."""
    numbers = np.column_stack(
        [detections.image, detections.category, detections.xywh, detections.score]
    )
    # Sorting all columns takes long, and rows that repeat each other are few.
    bits = np.ascontiguousarray(numbers).view(np.uint64)
    mixed = (bits * _ODD[: bits.shape[1]]).sum(axis=1, dtype=np.uint64)
    order = np.argsort(mixed)
    same = np.flatnonzero(mixed[order[1:]] == mixed[order[:-1]])
    alike = numbers[order[np.unique([same, same + 1])]]
    ordered = alike[np.lexsort(alike.T)]
    return int(np.count_nonzero((ordered[1:] == ordered[:-1]).all(axis=1)))


def _outside(pairs: TruthPairs) -> str | None:
    """Say that most boxes are not in their images, although the ground truth is."""
    truth_outside = _is_outside(pairs.truth, pairs.size[pairs.detection])
    is_outside = _is_outside(pairs.xywh, pairs.size) & (pairs.best(pairs.xywh) < _ON_OBJECT)
    count = int(np.count_nonzero(is_outside))
    if count < MIN_OUTSIDE or 2 * count <= len(pairs) or truth_outside.mean() > MAX_TRUTH_OUTSIDE:
        return None
    return (
        f"{count:,} of the {counted(len(pairs), 'best box')} "
        f"{part_verb(count, len(pairs), 'are')} outside of "
        "their image or larger than it: are they pixels of another image size?"
    )


def _is_outside(xywh: Boxes, size: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether more than half of each box is outside of its image, or it is far larger."""
    inside = np.minimum(xywh[:, :2] + xywh[:, 2:], size) - np.maximum(xywh[:, :2], 0)
    with np.errstate(invalid="ignore", over="ignore"):
        mostly = 2 * np.clip(inside, 0, None).prod(axis=1) < xywh[:, 2:].prod(axis=1)
        return np.asarray(mostly | (xywh[:, 2:] > _LARGER * size).any(axis=1))


def _twice(detections: DetectionTable) -> str | None:
    count = repeated_rows(detections)
    if count < MIN_REPEATED or count < MIN_SHARE_REPEATED * len(detections):
        return None
    return (
        f"{counted_of(count, len(detections), 'detection', 'repeat')} another "
        "one exactly (image, class, box and score): were they written twice?"
    )


def _only_some(dataset: Dataset, detections: DetectionTable, pairs: TruthPairs) -> str | None:
    """Say that a file covers only some of the images, of which it does not say which it covers.

    Only a file with low scores shows that: a detector gives some low score on nearly every image
    with objects.
    """
    if detections.covers_known:
        return None
    rows = np.bincount(detections.image, minlength=len(dataset.images))
    objects = np.bincount(
        dataset.boxes.image[dataset.boxes.image >= 0], minlength=len(dataset.images)
    )
    with_truth = objects > 0
    covered = with_truth & (rows > 0)
    blank = int(np.count_nonzero(with_truth & ~covered))
    n_with_truth = int(np.count_nonzero(with_truth))
    if blank < _MIN_BLANK or blank < _MIN_SHARE_BLANK * n_with_truth:
        return None
    is_uncut = detections.score.min() < LOW_FLOOR or rows[covered].mean() >= _MANY_ROWS
    seen = objects[np.unique(pairs.image)].sum()
    share = np.count_nonzero(pairs.best(pairs.xywh) >= _FOUND_IOU) / seen
    expected = float(np.sum((1 - min(share, 1.0)) ** objects[with_truth]))
    if not is_uncut or blank < _TIMES_EXPECTED * expected:
        return None
    return (
        f"{blank:,} of {counted(n_with_truth, 'image')} with ground truth "
        f"{part_verb(blank, n_with_truth, 'have')} no detection, and {share:.0%} of the objects on "
        "the others are found: the file seems to cover only some of the images. If it covers all, "
        "list them in it (`images`)"
    )


def cut_at(score: NDArray[np.float64]) -> float | None:
    """The lowest score, where it looks as if lower ones were cut off."""
    if len(score) < 2 * _MANY_ROWS or score.min() < LOW_FLOOR:
        return None
    return float(score.min())
