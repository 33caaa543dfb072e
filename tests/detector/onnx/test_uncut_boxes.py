"""The form of boxes is judged by what the model gave, before they are cut at the edges of the
image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.detector.workers.messages import pack_result, unpack_result
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.judged import found_by_model, judged, measured

CONFIG = """
[dataset.splits.val]
annotations = "val.json"
images = "val"
[probes.calm]
images = "calm"
"""
RULES = "[rules.mean-ap]\nmin = 0.0\n[rules.probe-fp]\nmax-boxes = 99\n"
SIZE = (128, 64)
LOWER_RIGHT = [(80 + 2 * number, 40 + number, 20, 12) for number in range(10)]
UPPER_LEFT = [(0, 0, 20 + 2 * number, 12 + number) for number in range(10)]
OPTIONS: dict[str, Any] = {
    "resize": "stretch",
    "channel-order": "rgb",
    "divide-by": 255,
    "classes": ["red", "blue"],
    "score-floor": 0.0,
}

Box = tuple[int, int, int, int]
Judge = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """A function that evaluates a model on ten images with a red box each, and on a probe of the
    same images with that box in blue."""
    for module in ("onnxruntime", "onnx", "cv2"):
        pytest.importorskip(module, reason=f"{module} is not installed")

    def evaluate(
        boxes: Sequence[Box], options: dict[str, Any], rules: str = RULES, **written: Any
    ) -> dict[str, RuleResult]:
        truth: dict[str, list[Any]] = {}
        for number, box in enumerate(boxes):
            draw(tmp_path / "val" / f"a_{number}.png", SIZE, (RED, box))
            draw(tmp_path / "calm" / f"b_{number}.png", SIZE, (BLUE, box))
            truth[f"a_{number}.png"] = [("red", *box)]
        content = coco_content(truth, ["red", "blue"])
        for image in content["images"]:
            image.update(width=SIZE[0], height=SIZE[1])
        write_json(tmp_path / "val.json", content)
        path = write_model(tmp_path / "m.onnx", size=(64, 128), **written)
        model = ModelSource(path, framework="onnx", options={**OPTIONS, **options})
        return judged(tmp_path, CONFIG + rules, found_by_model(model, tmp_path))

    return evaluate


@pytest.mark.parametrize(
    ("boxes", "written", "options", "text"),
    [
        # (80, 40, 100, 52) becomes the corners (80, 40, 180, 92).
        pytest.param(
            LOWER_RIGHT, {}, {"boxes": "xywh"}, "corners [x1, y1, x2, y2]", id="corners as sizes"
        ),
        # (90, 46, 20, 12) becomes the corners (90, 46, 110, 58).
        pytest.param(
            LOWER_RIGHT,
            {"form": "cxcywh"},
            {"boxes": "xywh"},
            "centres [cx, cy, width, height]",
            id="centres as corners with sizes",
        ),
        # The corner (20, 12) becomes (20 * 128, 12 * 64), and the box is all of the image when cut.
        pytest.param(
            UPPER_LEFT,
            {},
            {"normalised": True},
            "pixels of images of 1.638e+04 × 4096",
            id="pixels",
        ),
    ],
)
def test_misread_boxes_are_named(
    judge: Judge, boxes: Sequence[Box], written: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    for _ in range(2):  # the second time with what is cached of the first
        result = judge(boxes, options, **written)["mean-ap"]

        assert result.verdict == "not-evaluated", result.message
        assert text in result.message


def test_misread_boxes_on_a_probe(judge: Judge) -> None:
    """All of the image, ten times, which a limit of 99 boxes lets pass."""
    result = judge(UPPER_LEFT, {"normalised": True})["probe-fp[calm]"]

    assert result.verdict == "not-evaluated"
    assert (
        "10 of 10 boxes over 0.3 on calm are mostly outside of their image, first on b_0.png (0, "
        "0, 2560, 768): are they in another form, or pixels read as shares of the input? (`boxes` "
        "and `normalised` under [model.onnx])"
    ) in result.message


def test_boxes_are_cut_where_they_are_scored(judge: Judge) -> None:
    """A model that is read as it is meant, whose input is padded: nothing changes."""
    results = judge(LOWER_RIGHT, {"resize": "letterbox"})

    assert results["mean-ap"].verdict == results["probe-fp[calm]"].verdict == "passed"
    assert measured(results["mean-ap"])["ap"] == pytest.approx(1.0)
    assert measured(results["probe-fp[calm]"])["boxes"] == 10


def detections(size: tuple[int, int] | None) -> ImageDetections:
    return ImageDetections(
        xyxy=np.array([[-5, 10, 40, 90], [3, 4, 5, 6]], np.float32),
        score=np.array([0.9, 0.5], np.float32),
        label=np.array([1, 0], np.int32),
        size=size,
    )


def test_cutting_boxes() -> None:
    cut = detections((30, 60)).cut()

    assert cut.xyxy.tolist() == [[0, 10, 30, 60], [3, 4, 5, 6]]
    assert cut.size is None
    assert (cut.score.tolist(), cut.label.tolist()) == ([np.float32(0.9), 0.5], [1, 0])
    assert detections(None).cut().xyxy.tolist() == [[-5, 10, 40, 90], [3, 4, 5, 6]]


@pytest.mark.parametrize("size", [(30, 60), None])
def test_the_size_is_cached_and_sent(tmp_path: Path, size: tuple[int, int] | None) -> None:
    cache, image = Cache(tmp_path / "cache.sqlite"), Path("a.png")
    cache.add_detections("model", "cpu", [("0" * 64, detections(size))])
    ((_, _, cached),) = cache.detections("model", ["0" * 64])
    sent = unpack_result(image, pack_result(Detected(image, "0" * 64, detections(size)))).result

    for made in (cached, sent):
        assert isinstance(made, ImageDetections)
        assert made.size == size
        assert made.xyxy.tolist() == [[-5, 10, 40, 90], [3, 4, 5, 6]]
        assert made.label.tolist() == [1, 0]
