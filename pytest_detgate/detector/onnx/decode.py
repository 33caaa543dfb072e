"""What an ONNX file answers, as boxes in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import iou as iou_of
from pytest_detgate.detections import ImageDetections, OutputNotFinite
from pytest_detgate.detector.onnx.preprocess import Placement
from pytest_detgate.detector.onnx.settings import OnnxSettings
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError

Floats = NDArray[np.float64]

_MOST_WITHOUT_SIZE = 100


def detections(
    answers: Sequence[NDArray[Any]], settings: OnnxSettings, placement: Placement, image: Path
) -> ImageDetections | OutputNotFinite:
    """The detections on one image from the outputs that the layout asks for, in its order.

    Boxes that have no width or height in the picture are among them: whoever counts boxes has to
    know of them.
    """
    is_flat = settings.layout in ("boxes-scores-labels", "dets-labels")
    outputs = [
        _without_batch(answer, 1 if is_flat and at else 2, image)
        for at, answer in enumerate(answers)
    ]
    for name, values in zip(settings.outputs, outputs, strict=True):
        if not np.isfinite(values).all():
            return OutputNotFinite(name)
    boxes, scores, labels = _columns(outputs, settings, image)
    # Files that answer with a fixed number of rows fill up with scores of zero.
    over = scores > settings.score_floor
    corners = _corners(boxes[over], settings.boxes)
    if settings.normalised:
        corners = corners * np.array([*placement.input_size, *placement.input_size], np.float64)
    scores, labels = scores[over], labels[over] - settings.first_label
    if settings.nms_iou < 1:
        # What a head gives before any NMS need not be a box at all.
        boxed = np.flatnonzero(_has_size(corners))
        best = non_maximum_suppression(
            corners[boxed], scores[boxed], labels[boxed], settings.nms_iou
        )
        rows = np.concatenate([boxed[best], np.flatnonzero(~_has_size(corners))])
        corners, scores, labels = corners[rows], scores[rows], labels[rows]
    # What is in the padding alone, or beside the input, has no size in the picture.
    corners = placement.to_picture(corners)
    rows = _few_without_size(corners, scores)
    return checked_detections(
        corners[rows], scores[rows], labels[rows], image=image, n_classes=len(settings.classes)
    )


def _few_without_size(corners: Floats, scores: Floats) -> NDArray[np.int64]:
    """All rows that are boxes, and the best of those that are not: they are counted, and of a
    head before its NMS there may be thousands."""
    without = np.flatnonzero(~_has_size(corners))
    best = without[np.argsort(-scores[without], kind="stable")[:_MOST_WITHOUT_SIZE]]
    return np.union1d(np.flatnonzero(_has_size(corners)), best)


def _has_size(corners: Floats) -> NDArray[np.bool_]:
    return np.asarray((corners[:, 2:] > corners[:, :2]).all(axis=1))


def non_maximum_suppression(
    xyxy: Floats, score: Floats, label: Floats, iou: float
) -> NDArray[np.int64]:
    """Rows that are left, best first, when of two boxes of a label with more than that IoU the
    one with the lower score is dropped; of equal scores the later one."""
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    order = np.argsort(-score, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        overlap = iou_of(xywh[best][None], xywh[rest])[0]
        order = rest[(overlap <= iou) | (label[rest] != label[best])]
    return np.array(kept, np.int64)


def _columns(
    outputs: list[Floats], settings: OnnxSettings, image: Path
) -> tuple[Floats, Floats, Floats]:
    n_classes = len(settings.classes)
    if settings.layout == "raw":
        rows = _raw_rows(outputs[0], 4 + settings.objectness + n_classes, settings, image)
        _require_scores(rows[:, 4:], settings.outputs[0], image)
        scores = rows[:, -n_classes:]
        if settings.objectness:
            scores = scores * rows[:, 4:5]
        # Every class of a row is a detection of its own, as in AP.
        at, label = np.nonzero(scores > settings.score_floor)
        labels = np.asarray(label + settings.first_label, np.float64)
        return rows[at, :4], scores[at, label], labels
    if settings.layout == "rows":
        (rows,) = outputs
        _expect(rows, 6, settings.outputs[0], image)
        _require_scores(rows[:, 4], settings.outputs[0], image, filler=-1)
        return rows[:, :4], rows[:, 4], rows[:, 5]
    if settings.layout == "dets-labels":
        rows, labels = outputs
        _expect(rows, 5, settings.outputs[0], image)
        boxes, scores = rows[:, :4], rows[:, 4]
    else:
        boxes, scores, labels = outputs
        _expect(boxes, 4, settings.outputs[0], image)
    for name, values in zip(settings.outputs[-2:], (scores, labels), strict=True):
        if values.shape != (len(boxes),):
            raise DetectorError(
                f"the model's answer to {image}: {name} has the shape {values.shape}, and there "
                f"are {len(boxes)} boxes"
            )
    _require_scores(scores, settings.outputs[-2], image, filler=-1)
    return boxes, scores, labels


def _require_scores(scores: Floats, name: str, image: Path, *, filler: float | None = None) -> None:
    """Refuse what is no score. Log-odds of an image without anything are all below zero, so that
    nothing would be found. `filler` is what rows without a box may have."""
    wrong = scores[((scores < 0) | (scores > 1)) & (scores != filler)]
    if len(wrong):
        raise DetectorError(
            f"the model's answer to {image}: a score is from 0 to 1, found {wrong[0]:g} in {name}: "
            "these look like log-odds; export the model with its sigmoid or softmax"
        )


def _raw_rows(values: Floats, n_columns: int, settings: OnnxSettings, image: Path) -> Floats:
    if values.ndim == 2 and values.shape[1] == n_columns:
        return values
    if values.ndim == 2 and values.shape[0] == n_columns:
        return values.T
    five = " + objectness" if settings.objectness else ""
    raise DetectorError(
        f"the model's answer to {image}: {settings.outputs[0]} has the shape {values.shape}, and "
        f"{n_columns} columns are expected (a box{five} + {len(settings.classes)} classes)"
    )


def _expect(values: Floats, n_columns: int, name: str, image: Path) -> None:
    if values.ndim != 2 or values.shape[1] != n_columns:
        raise DetectorError(
            f"the model's answer to {image}: {name} has the shape {values.shape}, expected "
            f"(N, {n_columns})"
        )


def _without_batch(answer: NDArray[Any], n_dims: int, image: Path) -> Floats:
    if answer.dtype.kind not in "fiu":
        raise DetectorError(f"the model's answer to {image}: {answer.dtype} is no number")
    if answer.ndim == n_dims + 1 and len(answer) == 1:
        answer = answer[0]
    return np.asarray(answer, np.float64)


def _corners(boxes: Floats, form: str) -> Floats:
    first, second = boxes[:, :2], boxes[:, 2:]
    if form == "xyxy":
        return boxes
    if form == "xywh":
        return np.concatenate([first, first + second], axis=1)
    return np.concatenate([first - second / 2, first + second / 2], axis=1)
