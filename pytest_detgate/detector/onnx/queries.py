"""Detections of a DETR: each query has a box, and log-odds for each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.detector.onnx.settings import OnnxSettings
from pytest_detgate.errors import DetectorError

Floats = NDArray[np.float64]

# Training gives a label that no class has a score of nearly 0.
_UNUSED = 0.05


def query_columns(
    boxes: Floats, logits: Floats, settings: OnnxSettings, image: Path
) -> tuple[Floats, Floats, Floats]:
    """Return box, score and label of the detections on an image, as many as there are queries.

    `boxes` is (n, 4), `logits` (n, labels). With `sigmoid` they are the best pairs of a query and a
    label, as RF-DETR and RT-DETR choose them; with `softmax` the best label of each query, without
    the last, which means that nothing is there, as DETR and YOLOS choose them.
    """
    name = settings.outputs[1]
    n_queries, n_labels = len(boxes), settings.first_label + len(settings.classes)
    one_more = settings.activation == "softmax"
    allowed = (n_labels + 1,) if one_more else (n_labels, n_labels + 1)
    if logits.ndim != 2 or len(logits) != n_queries or logits.shape[1] not in allowed:
        columns = " or ".join(map(str, allowed))
        raise DetectorError(
            f"the model's output for {image}: {name} has the shape {logits.shape}; expected "
            f"({n_queries}, {columns}), for {counted(len(settings.classes), 'class')}"
        )
    if logits.size and logits.min() >= 0 and logits.max() <= 1:
        raise DetectorError(
            f"the model's output for {image}: {name} has values from 0 to 1 only: these look like "
            "scores, and layout queries takes log-odds; export the model without its "
            f"{settings.activation}"
        )
    if one_more:
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (raised / raised.sum(axis=1, keepdims=True))[:, :-1]
        label = scores[:, settings.first_label :].argmax(axis=1) + settings.first_label
        rows = np.arange(n_queries)
        _require_unused(scores[:, : settings.first_label], name, image)
        return boxes, scores[rows, label], label.astype(np.float64)
    scores = np.exp(-np.logaddexp(0, -logits))
    used = slice(settings.first_label, n_labels)
    _require_unused(np.delete(scores, used, axis=1), name, image)
    scores = scores[:, used]
    best = np.argsort(-scores, axis=None, kind="stable")[:n_queries]
    row, label = np.unravel_index(best, scores.shape)
    return boxes[row], scores[row, label], np.asarray(label + settings.first_label, np.float64)


def _require_unused(scores: Floats, name: str, image: Path) -> None:
    """Refuse scores of labels that no class has: the classes are shifted."""
    if (scores > _UNUSED).any():
        raise DetectorError(
            f"the model's output for {image}: {name} has a label without a class, with a score of "
            f"{scores.max():.3g}: are first-label and classes under [model.onnx] right?"
        )
