"""A whole gate on a model of `framework_models`, and AP of its own loop by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from framework_models import CLASSES, Detections, Subject  # type: ignore[import-not-found]
from PIL import Image

HEAD = """
[dataset.splits.val]
annotations = "val.json"
images = "images"
[rules.mean-ap]
min = 0.0
"""


def write_labels(folder: Path, found: Mapping[Path, Detections]) -> None:
    """Write val.json, with boxes near some of the detections, so that AP is neither 0 nor 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (path, (boxes, scores, labels)) in enumerate(found.items(), start=1):
        with Image.open(path) as image:
            width, height = image.size
        images.append({"id": number, "file_name": path.name, "width": width, "height": height})
        sizes = boxes[:, 2:] - boxes[:, :2]
        order = np.argsort(-scores, kind="stable")
        best = order[(sizes[order] > 12).all(axis=1)]
        for label in range(len(CLASSES)):
            for row in best[labels[best] == label][:5:2]:
                corner = np.clip(boxes[row, :2] + 2, 0, [width - 11, height - 11])
                size = np.minimum(sizes[row], [width, height] - corner)
                annotations.append(
                    {
                        **{"id": len(annotations) + 1, "image_id": number, "iscrowd": 0},
                        "category_id": label + 1,
                        "bbox": [float(value) for value in (*corner, *size)],
                        "area": float(size.prod()),
                    }
                )
    categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "val.json").write_text(json.dumps(content), encoding="utf-8")


def average_precision(folder: Path, found: Sequence[Detections]) -> float:
    """AP of pycocotools; `found` are the detections on the images in their order."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = [
        {
            **{"image_id": number, "category_id": int(label) + 1, "score": float(score)},
            "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
        }
        for number, (boxes, scores, labels) in enumerate(found, start=1)
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "val.json"))
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def write_gate(folder: Path, subject: Subject, rules: str = "", **model: Any) -> None:
    """Write detgate.toml for a model; `model` are further keys of its table."""
    table = {**subject.table, **model}
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    text = "\n".join([HEAD, "[model]", *lines, rules])
    (folder / "detgate.toml").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def start_gate(folder: Path, device: str, report: str, *more: str) -> subprocess.Popen[str]:
    """Start pytest on detgate.toml; the report goes into a folder of this name."""
    command = [sys.executable, "-m", "pytest", "-q", "detgate.toml"]
    command += [f"--detgate-device={device}", f"--detgate-report={report}", *more]
    return subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def gate(folder: Path, device: str, *more: str, report: str = "report") -> dict[str, Any]:
    """Run the gate; return its record, with the seconds of the whole command."""
    started = time.perf_counter()
    process = start_gate(folder, device, report, *more)
    output = process.communicate()[0]
    seconds = time.perf_counter() - started
    path = folder / report / "report.json"
    if not path.exists():
        raise RuntimeError(f"no report:\n{output}")
    return {**json.loads(path.read_text(encoding="utf-8")), "seconds": seconds, "output": output}


def value_of(record: Mapping[str, Any], rule: str, name: str) -> float:
    """Return a measured value of a rule; NaN where the rule has none."""
    for result in record["rules"]:
        if result["id"].partition("[")[0] == rule:
            for one in result["measurements"]:
                if one["name"] == name:
                    return float(one["value"])
    return float("nan")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
