"""Decoding of the outputs of an ONNX file into detections."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import iou as iou_of
from pytest_detgate.counts import counted, verb
from pytest_detgate.detections import ImageDetections, OutputNotFinite
from pytest_detgate.detector.onnx.preprocess import Placement
from pytest_detgate.detector.onnx.queries import query_columns
from pytest_detgate.detector.onnx.settings import OnnxSettings
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError

Floats = NDArray[np.float64]

_MOST_WITHOUT_SIZE = 100
_FAR = 20_000.0
"""Pixels beyond an edge of the image where boxes end in any case."""


def decode_outputs(
    outputs: Sequence[NDArray[Any]], settings: OnnxSettings, placement: Placement, image: Path
) -> ImageDetections | OutputNotFinite:
    """Decode the outputs that the layout has, in its order, into the detections on one image.

    Boxes without width or height in the image are among them, because box counts must include them.
    They are not cut at its edges yet.
    """
    is_flat = settings.layout in ("boxes-scores-labels", "dets-labels")
    arrays = [
        _without_batch(output, 1 if is_flat and index else 2, image)
        for index, output in enumerate(outputs)
    ]
    for name, values in zip(settings.outputs, arrays, strict=True):
        if not np.isfinite(values).all():
            return OutputNotFinite(name)
    boxes, scores, labels = _columns(arrays, settings, image)
    # Files with a fixed number of rows fill up with scores of zero.
    over = scores > settings.score_floor
    corners = _corners(boxes[over], settings.boxes)
    if settings.normalised:
        corners = corners * np.array([*placement.input_size, *placement.input_size], np.float64)
    scores, labels = scores[over], labels[over] - settings.first_label
    if settings.nms_iou < 1:
        # Before NMS a head may return boxes without a size.
        boxed = np.flatnonzero(_has_size(corners))
        best = non_maximum_suppression(
            corners[boxed], scores[boxed], labels[boxed], settings.nms_iou
        )
        rows = np.concatenate([boxed[best], np.flatnonzero(~_has_size(corners))])
        corners, scores, labels = corners[rows], scores[rows], labels[rows]
    size = np.array([*placement.size, *placement.size], np.float64)
    # A box that is all too large would be taken for a failure of the model.
    corners = np.clip(placement.to_image(corners), -_FAR, size + _FAR)
    # A box in the padding alone, or outside the input, has no size in the image.
    rows = _few_without_size(np.clip(corners, 0, size), scores)
    result = checked_detections(
        corners[rows], scores[rows], labels[rows], image=image, n_classes=len(settings.classes)
    )
    if isinstance(result, ImageDetections):
        return dataclasses.replace(result, size=placement.size)
    return result


def _few_without_size(corners: Floats, scores: Floats) -> NDArray[np.int64]:
    """Return all rows with a size, and the best without: a head before NMS may have thousands."""
    without = np.flatnonzero(~_has_size(corners))
    best = without[np.argsort(-scores[without], kind="stable")[:_MOST_WITHOUT_SIZE]]
    return np.union1d(np.flatnonzero(_has_size(corners)), best)


def _has_size(corners: Floats) -> NDArray[np.bool_]:
    return np.asarray((corners[:, 2:] > corners[:, :2]).all(axis=1))


def non_maximum_suppression(
    xyxy: Floats, score: Floats, label: Floats, iou: float
) -> NDArray[np.int64]:
    """Return the remaining rows, best first.

    Of two boxes of a label whose IoU exceeds `iou`, the one with the lower score is dropped; of
    equal scores the later one.
    """
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    order = np.argsort(-score, kind="stable")
    remaining = []
    while len(order):
        best, rest = order[0], order[1:]
        remaining.append(best)
        overlap = iou_of(xywh[best][None], xywh[rest])[0]
        order = rest[(overlap <= iou) | (label[rest] != label[best])]
    return np.array(remaining, np.int64)


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
        # Every class of a row is one detection, as in AP.
        row, label = np.nonzero(scores > settings.score_floor)
        labels = np.asarray(label + settings.first_label, np.float64)
        return rows[row, :4], scores[row, label], labels
    if settings.layout == "queries":
        boxes, logits = outputs
        _expect(boxes, 4, settings.outputs[0], image)
        return query_columns(boxes, logits, settings, image)
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
                f"the model's output for {image}: {name} has the shape {values.shape}, and there "
                f"{verb(len(boxes), 'are')} {counted(len(boxes), 'box')}"
            )
    _require_scores(scores, settings.outputs[-2], image, filler=-1)
    return boxes, scores, labels


def _require_scores(scores: Floats, name: str, image: Path, *, filler: float | None = None) -> None:
    """Refuse values that are not scores, such as log-odds.

    Log-odds of an image without objects are all below zero, so that nothing would be detected.
    `filler` is the value of rows without a box.
    """
    outside = scores[((scores < 0) | (scores > 1)) & (scores != filler)]
    if len(outside):
        raise DetectorError(
            f"the model's output for {image}: a score is from 0 to 1, found {outside[0]:g} in "
            f"{name}: these look like log-odds; export the model with its sigmoid or softmax"
        )


def _raw_rows(values: Floats, n_columns: int, settings: OnnxSettings, image: Path) -> Floats:
    if values.ndim == 2 and values.shape[1] == n_columns:
        return values
    if values.ndim == 2 and values.shape[0] == n_columns:
        return values.T
    five = " + objectness" if settings.objectness else ""
    raise DetectorError(
        f"the model's output for {image}: {settings.outputs[0]} has the shape {values.shape}, and "
        f"{counted(n_columns, 'column')} {verb(n_columns, 'are')} expected (a box{five} + "
        f"{counted(len(settings.classes), 'class')})"
    )


def _expect(values: Floats, n_columns: int, name: str, image: Path) -> None:
    if values.ndim != 2 or values.shape[1] != n_columns:
        raise DetectorError(
            f"the model's output for {image}: {name} has the shape {values.shape}, expected "
            f"(N, {n_columns})"
        )


def _without_batch(output: NDArray[Any], n_dims: int, image: Path) -> Floats:
    if output.dtype.kind not in "fiu":
        raise DetectorError(f"the model's output for {image}: {output.dtype} is not a number")
    if output.ndim == n_dims + 1 and len(output) == 1:
        output = output[0]
    return np.asarray(output, np.float64)


def _corners(boxes: Floats, form: str) -> Floats:
    first, second = boxes[:, :2], boxes[:, 2:]
    if form == "xyxy":
        return boxes
    if form == "xywh":
        return np.concatenate([first, first + second], axis=1)
    return np.concatenate([first - second / 2, first + second / 2], axis=1)
