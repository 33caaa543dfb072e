"""A project whose labels come from a framework's own loop, and AP of that loop by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.detector.onnx_models import BLUE, RED, draw

Detections = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Corners (n, 4), scores (n) and labels (n) from 0."""

CLASSES = ("red", "blue")
SAME = 1e-3
"""How far scores and AP may be from the framework's own."""
SIZES = ((160, 120), (96, 96), (160, 120), (120, 160), (160, 120))
HEAD = """
[dataset.splits.val]
annotations = "val.json"
images = "images"
"""


def draw_images(folder: Path, sizes: Sequence[tuple[int, int]] = SIZES) -> list[Path]:
    """Draw images of these sizes; by default those of one size are not neighbours."""
    noise = np.random.default_rng(0)
    paths = []
    for number, (width, height) in enumerate(sizes, start=1):
        x, y, w, h = (int(value) for value in noise.integers(10, 40, 4))
        path = folder / "images" / f"yard_{number}.png"
        rectangles = ((RED, (x, y, w, h)), (BLUE, (width - x - w, y + 20, w, h)))
        draw(path, (width, height), *rectangles)
        with Image.open(path) as image:
            pixels = np.asarray(image).astype(int)
        speckled = pixels + noise.integers(-30, 30, pixels.shape)
        Image.fromarray(np.clip(speckled, 0, 255).astype(np.uint8)).save(path)
        paths.append(path)
    return paths


def write_labels(folder: Path, own: Mapping[Path, Detections]) -> float:
    """Write val.json, whose boxes are near some of the detections; return the AP of these."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (path, (boxes, scores, labels)) in enumerate(own.items(), start=1):
        with Image.open(path) as image:
            width, height = image.size
        images.append({"id": number, "file_name": path.name, "width": width, "height": height})
        sizes = boxes[:, 2:] - boxes[:, :2]
        large = np.flatnonzero((sizes > 12).all(axis=1))
        best = large[np.argsort(-scores[large], kind="stable")]
        of_class = [best[labels[best] == label] for label in range(len(CLASSES))]
        for row in (row for rows in of_class for row in rows[:3:2]):
            corner = np.clip(boxes[row, :2] + 2, 0, [width - 11, height - 11])
            size = np.minimum(sizes[row], [width, height] - corner)
            annotations.append(
                {
                    **{"id": len(annotations) + 1, "image_id": number, "iscrowd": 0},
                    "category_id": int(labels[row]) + 1,
                    "bbox": [float(value) for value in (*corner, *size)],
                    "area": float(size.prod()),
                }
            )
    assert len({annotation["category_id"] for annotation in annotations}) == len(CLASSES)
    categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "val.json").write_text(json.dumps(content))
    return _average_precision(folder / "val.json", list(own.values()))


def _average_precision(annotations: Path, own: Sequence[Detections]) -> float:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    results = [
        {
            **{"image_id": number, "category_id": int(label) + 1, "score": float(score)},
            "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
        }
        for number, (boxes, scores, labels) in enumerate(own, start=1)
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def assert_same_detections(
    detect: Callable[[Sequence[Path]], Any], own: Mapping[Path, Detections]
) -> None:
    """The detector gives each image the boxes, scores and labels of the framework's own loop."""
    detections = {detected.image: detected.result for detected in detect(list(own))}
    assert detections.keys() == own.keys()
    for path, (boxes, scores, labels) in own.items():
        order = np.argsort(-scores, kind="stable")
        assert len(order) > 5
        assert detections[path].score == pytest.approx(scores[order], abs=SAME)
        # Of boxes with nearly equal scores the order may differ.
        mine = np.column_stack([detections[path].label, detections[path].xyxy])
        theirs = np.column_stack([labels[order], boxes[order]])
        far = np.abs(mine[:, None] - theirs[None]).max(axis=2)
        assert (far.min(axis=1) < 0.1).all()
        assert (far.min(axis=0) < 0.1).all()
