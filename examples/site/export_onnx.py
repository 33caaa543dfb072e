"""Trains both models at half width and writes them as ONNX files, for `quick.py`.

The files in `onnx/` were made by this script, with what MMDetection logged while it trained and the
digests of all of it. Weights are stored as whole numbers of 8 bits with a scale for each channel,
and are made floats again when a file is loaded: that is a quarter of the size. Needs MMDetection
and the `onnx` package:

    python make_data.py
    python export_onnx.py
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from onnx import helper, numpy_helper

from pytest_detgate.detector.packages import quiet
from pytest_detgate.progress import NoProgress
from pytest_detgate.training.train import TrainedRun, train

HERE = Path(__file__).resolve().parent
OUT = HERE / "onnx"
NAMES = ("violations_only", "with_compliant")
STRIDES = (8, 16, 32)
# Smaller tensors stay floats: biases, scales, shapes.
SMALLEST = 256


class Rows(torch.nn.Module):
    """An RTMDet whose output is a row for each point: the corners of a box, and class scores.

    There is no non-maximum suppression in it: the gate does that, with the IoU that the file says.
    """

    def __init__(self, model: torch.nn.Module, side: int) -> None:
        super().__init__()
        self.model = model
        self.side = side

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3, side, side) to (1, points, 4 + classes)."""
        parts = []
        for stride, score, distance in zip(STRIDES, *self.model(image, mode="tensor"), strict=True):
            n = self.side // stride
            steps = torch.arange(n) * stride
            x = steps[None, :].expand(n, n).reshape(-1, 1)
            y = steps[:, None].expand(n, n).reshape(-1, 1)
            left, top, right, bottom = distance[0].flatten(1).T.split(1, dim=1)
            boxes = torch.cat([x - left, y - top, x + right, y + bottom], dim=1)
            scores = score[0].flatten(1).T.sigmoid()
            parts.append(torch.cat([boxes.clamp(0, self.side), scores], dim=1))
        return torch.cat(parts)[None]


def main() -> None:
    """Train, export, and write logs and digests beside the files."""
    OUT.mkdir(exist_ok=True)
    for name in NAMES:
        config = HERE / "configs" / f"small_{name}.py"
        run = train(
            config,
            HERE / "work_dirs" / f"small_{name}",
            0,
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=HERE / "work_dirs",
        )
        model = with_small_weights(exported(config, run))
        onnx.save(model, OUT / f"{name}.onnx")
        if run.scalars is not None:
            shutil.copyfile(run.scalars, OUT / f"{name}.training.jsonl")
    files = sorted(path for path in OUT.iterdir() if path.suffix in (".onnx", ".jsonl"))
    digests = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (OUT / "SHA256SUMS").write_text("".join(digests), encoding="utf-8")


def exported(path: Path, run: TrainedRun) -> onnx.ModelProto:
    """The trained model as an ONNX file says it, with all that the gate asks of one."""
    config = Config.fromfile(str(path))
    with quiet(), DefaultScope.overwrite_default_scope("mmdet"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MODELS.build(config.model)
        # Trained by this script, a line above.
        content = torch.load(run.checkpoint, map_location="cpu", weights_only=False)
        model.load_state_dict(content["state_dict"])
        file = io.BytesIO()
        torch.onnx.export(
            Rows(model.eval(), config.side),
            (torch.zeros(1, 3, config.side, config.side),),
            file,
            input_names=["image"],
            output_names=["rows"],
            dynamo=False,
        )
    proto = onnx.load_from_string(file.getvalue())
    helper.set_model_props(
        proto, {f"detgate.{key}": json.dumps(value) for key, value in settings(config).items()}
    )
    return proto


def settings(config: Config) -> dict[str, Any]:
    """What the configuration says of images and boxes, as `[model.onnx]` names it."""
    prepared = config.model.data_preprocessor
    return {
        "resize": "pad-end",
        "channel-order": "bgr",
        "divide-by": 1,
        "mean": list(prepared.mean),
        "std": list(prepared.std),
        "layout": "raw",
        "boxes": "xyxy",
        "classes": list(config.classes),
        "score-floor": config.model.test_cfg.score_thr,
        "nms-iou": config.model.test_cfg.nms.iou_threshold,
        "epoch": config.train_cfg.max_epochs,
    }


def with_small_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its weights as whole numbers of 8 bits and a scale for each channel."""
    graph = model.graph
    before, kept = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < SMALLEST:
            kept.append(tensor)
            continue
        scale = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True) / 127
        scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
        whole = np.round(weights / scale).astype(np.int8)
        name = tensor.name
        kept += [
            numpy_helper.from_array(whole, f"{name}.int8"),
            numpy_helper.from_array(scale, f"{name}.scale"),
        ]
        before += [
            helper.make_node(
                "Cast", [f"{name}.int8"], [f"{name}.whole"], to=onnx.TensorProto.FLOAT
            ),
            helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name]),
        ]
    nodes = [*before, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    main()
