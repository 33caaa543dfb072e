"""What an ONNX file answers, as boxes in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import iou as iou_of
from pytest_detgate.detector.answers import checked_detections
from pytest_detgate.detector.onnx_images import Placement
from pytest_detgate.detector.onnx_settings import OnnxSettings
from pytest_detgate.detector.protocol import ImageDetections
from pytest_detgate.errors import DetectorError

Floats = NDArray[np.float64]


def detections(
    answers: Sequence[NDArray[Any]], settings: OnnxSettings, placement: Placement, image: Path
) -> ImageDetections:
    """The detections on one image from the outputs that the layout asks for, in its order."""
    is_flat = settings.layout in ("boxes-scores-labels", "dets-labels")
    outputs = [
        _without_batch(answer, 1 if is_flat and at else 2, image)
        for at, answer in enumerate(answers)
    ]
    boxes, scores, labels = _columns(outputs, settings, image)
    for name, values in (("boxes", boxes), ("scores", scores)):
        if not np.isfinite(values).all():
            raise DetectorError(
                f"the model's answer to {image}: {name} are not finite (NaN or infinite)"
            )
    # Files that answer with a fixed number of rows fill up with scores of zero.
    over = scores > settings.score_floor
    corners = _corners(boxes[over], settings.boxes)
    if settings.normalised:
        corners = corners * np.array([*placement.input_size, *placement.input_size], np.float64)
    scores, labels = scores[over], labels[over] - settings.first_label
    if settings.layout == "raw":
        # What a head answers before any NMS need not be a box at all.
        real = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        corners, scores, labels = corners[real], scores[real], labels[real]
    if settings.nms_iou < 1:
        kept = non_maximum_suppression(corners, scores, labels, settings.nms_iou)
        corners, scores, labels = corners[kept], scores[kept], labels[kept]
    cut = placement.to_picture(corners)
    # What lies in the padding alone is nowhere in the picture.
    in_padding = ((cut[:, 2:] <= cut[:, :2]) & (corners[:, 2:] > corners[:, :2])).any(axis=1)
    corners, scores, labels = cut[~in_padding], scores[~in_padding], labels[~in_padding]
    return checked_detections(corners, scores, labels, image=image, n_classes=len(settings.classes))


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
        scores = rows[:, -n_classes:]
        if settings.objectness:
            scores = scores * rows[:, 4:5]
        # Every class of a row is a detection of its own, as in AP.
        at, label = np.nonzero((scores > settings.score_floor) | ~np.isfinite(scores))
        labels = np.asarray(label + settings.first_label, np.float64)
        return rows[at, :4], scores[at, label], labels
    if settings.layout == "rows":
        (rows,) = outputs
        _expect(rows, 6, settings.outputs[0], image)
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
    return boxes, scores, labels


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
