"""ONNX files of a DETR, whose outputs are boxes and log-odds of queries."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import DetectorError
from tests.detector.onnx.test_onnx import BOTH, boxes_by_class, load
from tests.detector.onnx_models import BLUE, RED, draw, write_model

for name in ("onnxruntime", "onnx", "cv2"):
    pytest.importorskip(name, reason=f"{name} is not installed")

LOW = -9.0
QUERIES: dict[str, Any] = {"layout": "queries", "form": "cxcywh", "normalised": True}
SIGMOID: dict[str, Any] = {"activation": "sigmoid", "score-floor": 0.01}


def odds(share: float) -> float:
    return math.log(share / (1 - share))


RED_ROW, BLUE_ROW = [odds(0.9), LOW], [LOW, odds(0.7)]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return draw(tmp_path / "both.png", (128, 64), (RED, BOTH["red"][1]), (BLUE, BOTH["blue"][1]))


@pytest.mark.parametrize(
    ("logits", "names", "options"),
    [
        ([RED_ROW, BLUE_ROW], ("pred_boxes", "logits"), SIGMOID),
        # RF-DETR: one label more than there are classes, behind them or also before them.
        ([[*RED_ROW, LOW], [*BLUE_ROW, LOW]], ("dets", "labels"), SIGMOID),
        (
            [[LOW, *RED_ROW, LOW], [LOW, *BLUE_ROW, LOW]],
            ("dets", "labels"),
            {**SIGMOID, "first-label": 1},
        ),
        # DETR: the last label means that nothing is there.
        (
            [
                [math.log(0.9), -30, math.log(0.1)],
                [-30, math.log(0.7), math.log(0.3)],
            ],
            ("pred_boxes", "logits"),
            {"activation": "softmax", "score-floor": 0.01},
        ),
    ],
    ids=["sigmoid", "one-more", "labels-from-1", "softmax"],
)
def test_queries_become_boxes(
    tmp_path: Path, image: Path, logits: Any, names: Any, options: dict[str, Any]
) -> None:
    path = write_model(tmp_path / "m.onnx", logits=logits, names=names, **QUERIES)

    assert boxes_by_class(load(path, **options), image) == BOTH


def test_a_query_may_be_two_detections(tmp_path: Path, image: Path) -> None:
    """With sigmoid the best pairs of a query and a class count, as many as there are queries."""
    rows = [[odds(0.9), odds(0.8)], [LOW, odds(0.7)]]
    path = write_model(tmp_path / "m.onnx", logits=rows, **QUERIES)

    assert boxes_by_class(load(path, **SIGMOID), image) == {
        "red": (0.9, BOTH["red"][1]),
        "blue": (0.8, BOTH["red"][1]),
    }


@pytest.mark.parametrize(
    ("logits", "options", "message"),
    [
        ([RED_ROW, BLUE_ROW], {}, 'activation is missing.*takes one of "sigmoid", "softmax"'),
        ([[0.9, 0.0], [0.0, 0.7]], SIGMOID, "look like scores.* without its sigmoid"),
        ([[*RED_ROW, 2.0], [*BLUE_ROW, LOW]], SIGMOID, "a label without a class.*score of 0.881"),
        ([[9.0, *RED_ROW], [LOW, *BLUE_ROW]], {**SIGMOID, "first-label": 1}, "label without"),
        ([RED_ROW, BLUE_ROW], {**SIGMOID, "classes": ["a", "b", "c"]}, r"shape \(2, 2\)"),
        ([RED_ROW, BLUE_ROW], {**SIGMOID, "activation": "softmax"}, r"expected \(2, 3\)"),
        ([RED_ROW, BLUE_ROW], {**SIGMOID, "nms-iou": 0.5}, "nms-iou goes with layout raw"),
        ([RED_ROW, BLUE_ROW], {**SIGMOID, "layout": "dets-labels"}, "outputs is missing"),
    ],
)
def test_wrong_settings_have_one_message(
    tmp_path: Path, image: Path, logits: Any, options: dict[str, Any], message: str
) -> None:
    path = write_model(tmp_path / "m.onnx", logits=logits, **QUERIES)

    with pytest.raises(DetectorError, match=message):
        list(load(path, **{"score-floor": 0.01, **options}).detect([image]))


def test_activation_is_for_queries_alone(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx")

    with pytest.raises(DetectorError, match="activation goes with layout queries, not with boxes"):
        load(path, activation="sigmoid")
