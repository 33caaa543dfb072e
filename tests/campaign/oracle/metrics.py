"""Metrics by simple loops: overlap, matching, AP as COCO defines it, exact bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from tests.campaign.oracle.labels import Annotation, Box
from tests.campaign.oracle.result_rows import Detection

THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))


def overlap(box: Box, other: Box, *, crowd: bool = False) -> float:
    """IoU; with a crowd region as the second the share of the first that it covers."""
    left, top = max(box[0], other[0]), max(box[1], other[1])
    right = min(box[0] + box[2], other[0] + other[2])
    bottom = min(box[1] + box[3], other[1] + other[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    area = box[2] * box[3]
    union = area if crowd else area + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.0


def match(
    truth: Sequence[Annotation],
    detections: Sequence[Detection],
    threshold: float,
    ignored: Callable[[Annotation], bool] = lambda entry: entry.crowd,
) -> list[tuple[Detection, Annotation | None]]:
    """What each detection of one image and class is matched to, best score first."""
    order = sorted(truth, key=ignored)
    taken: set[int] = set()
    pairs: list[tuple[Detection, Annotation | None]] = []
    for detection in sorted(detections, key=lambda first: -first.score):
        best, best_index = min(threshold, 1 - 1e-10), -1
        for index, annotation in enumerate(order):
            if (index in taken and not annotation.crowd) or annotation.box is None:
                continue
            if best_index >= 0 and not ignored(order[best_index]) and ignored(annotation):
                break
            iou = overlap(detection.box, annotation.box, crowd=annotation.crowd)
            if iou >= best:
                best, best_index = iou, index
        if best_index >= 0:
            taken.add(best_index)
        pairs.append((detection, order[best_index] if best_index >= 0 else None))
    return pairs


def average_precision(
    images: Iterable[int],
    truth: Sequence[Annotation],
    detections: Sequence[Detection],
    thresholds: Sequence[float] = THRESHOLDS,
    area: tuple[float, float] = (0.0, 1e10),
) -> float | None:
    """AP of one class over some images; None without ground truth."""

    def ignored(first: Annotation) -> bool:
        return first.crowd or not area[0] <= _area(first) <= area[1]

    rows = list(images)
    total = sum(1 for truth_box in truth if truth_box.image in rows and not ignored(truth_box))
    if not total:
        return None
    values = []
    for threshold in thresholds:
        hits: list[tuple[float, bool]] = []
        for row in rows:
            pairs = match(
                [truth_box for truth_box in truth if truth_box.image == row],
                [detection for detection in detections if detection.image == row],
                threshold,
                ignored,
            )
            for detection, annotation in pairs:
                size = detection.box[2] * detection.box[3]
                if annotation is None and not area[0] <= size <= area[1]:
                    continue
                if annotation is None or not ignored(annotation):
                    hits.append((detection.score, annotation is not None))
        values.append(_interpolated(hits, total))
    return sum(values) / len(values)


def _area(annotation: Annotation) -> float:
    if annotation.area is not None and annotation.area >= 0:
        return annotation.area
    return 0.0 if annotation.box is None else annotation.box[2] * annotation.box[3]


def _interpolated(hits: list[tuple[float, bool]], total: int) -> float:
    precision, recall, true = [], [], 0
    for rank, (_, is_hit) in enumerate(sorted(hits, key=lambda pair: -pair[0]), start=1):
        true += is_hit
        precision.append(true / rank)
        recall.append(true / total)
    for index in range(len(precision) - 1, 0, -1):
        precision[index - 1] = max(precision[index - 1], precision[index])
    value = 0.0
    for step in range(101):
        reached = [p for p, r in zip(precision, recall, strict=True) if r >= step / 100 - 1e-12]
        value += reached[0] if reached else 0.0
    return value / 101


def average_recall(
    truth: Sequence[Annotation], detections: Sequence[Detection], images: int, most: int
) -> float | None:
    """AR of one class with the `most` best detections of each image; None without truth."""
    total = sum(1 for truth_box in truth if not truth_box.crowd)
    if not total:
        return None
    hits = 0
    for threshold in THRESHOLDS:
        for row in range(images):
            best = sorted(
                (detection for detection in detections if detection.image == row),
                key=lambda detection: -detection.score,
            )
            pairs = match(
                [truth_box for truth_box in truth if truth_box.image == row], best[:most], threshold
            )
            hits += sum(1 for _, pair in pairs if pair is not None and not pair.crowd)
    return hits / total / len(THRESHOLDS)


def found_boxes(
    truth: Sequence[Annotation], detections: Sequence[Detection], images: int, over: float
) -> int:
    """How many objects of a class are found by detections with a score over a threshold."""
    count = 0
    for row in range(images):
        chosen = [
            detection
            for detection in detections
            if detection.image == row and detection.score > over
        ]
        pairs = match([truth_box for truth_box in truth if truth_box.image == row], chosen, 0.5)
        count += sum(1 for _, pair in pairs if pair is not None and not pair.crowd)
    return count


def false_boxes(
    truth: Sequence[Annotation], detections: Sequence[Detection], images: int, over: float
) -> list[Detection]:
    """Detections with a score over a threshold that no allowed box of their class explains."""
    false = []
    for row in range(images):
        for name in sorted({detection.category for detection in detections}):
            chosen = [
                detection
                for detection in detections
                if detection.image == row and detection.category == name and detection.score > over
            ]
            allowed = [
                truth_box
                for truth_box in truth
                if truth_box.image == row and truth_box.category == name
            ]
            false += [entry for entry, box in match(allowed, chosen, 0.5) if box is None]
    return false


def binomial_lower(hits: int, total: int, confidence: float) -> float:
    """The exact one-sided lower bound of a share (Clopper and Pearson)."""
    return _root(lambda share: _at_least(hits, total, share) - (1 - confidence) if hits else 1.0)


def binomial_upper(hits: int, total: int, confidence: float) -> float:
    """The exact one-sided upper bound of a share."""
    return 1 - binomial_lower(total - hits, total, confidence)


def poisson_upper(count: int, confidence: float) -> float:
    """The exact one-sided upper bound of a count."""

    def at_most(mean: float) -> float:
        return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count + 1))

    low, high = 0.0, 10.0 * (count + 5)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 1 - confidence else (low, middle)
    return low


def _at_least(hits: int, total: int, share: float) -> float:
    return sum(
        math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(hits, total + 1)
    )


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return low
