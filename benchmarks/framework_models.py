"""Models of each framework for the benchmarks, and the loop that the framework's documentation has.

Weights are random: what is compared is the same network in two loops. Only what needs no download
is built.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework

CLASSES = ("helmet", "no_helmet")
FLOOR = 0.001
Detections = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Corners (n, 4) in pixels, scores (n) and labels (n) from 0."""


@dataclass
class Loop:
    """A framework's own loop over images, and the seconds that it spent in the model."""

    run: Callable[[Sequence[Path]], dict[Path, Detections]]
    clock: Clock


@dataclass
class Clock:
    """Seconds between a call and the end of its work on the device."""

    device: str
    seconds: float = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of the block."""
        started = time.perf_counter()
        yield
        synchronize(self.device)
        self.seconds += time.perf_counter() - started


@dataclass
class Subject:
    """A model on the disk: what `[model]` says of it, and how its framework runs it."""

    framework: str
    checkpoint: Path
    options: Mapping[str, Any]
    own: Callable[..., Loop]
    """Device, batch size, precision and `n_workers` that load images to the framework's loop."""
    batches: tuple[int, ...] = (1, 8, 32)
    precisions: tuple[str, ...] = ("float32", "half")
    table: dict[str, Any] = field(default_factory=dict)
    """The table `[model]` in `detgate.toml`."""

    def load(self, device: str, batch_size: int, precision: str = "float32", **more: Any) -> Any:
        """Load it as the gate does; return its detector."""
        made = framework(self.framework)
        source = ModelSource(
            made.checkpoint(self.checkpoint),
            framework=self.framework,
            options=self.options,
            precision={"half": half_of(device)}.get(precision, precision),
            **more,
        )
        loaded = made.load(source, sha256="0" * 64, device=device, batch_size=batch_size)
        return loaded.detector


def half_of(device: str) -> str:
    """The precision of 16 bits that a device has."""
    return "bfloat16" if device == "cpu" else "float16"


def synchronize(device: str) -> None:
    """Wait for a GPU."""
    if device != "cpu":
        torch.cuda.synchronize()


def draw(folder: Path, n_images: int, size: tuple[int, int]) -> list[Path]:
    """Draw images that compress as photos do."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    paths = []
    for number in range(n_images):
        coarse = noise.integers(0, 255, (54, 96, 3), np.uint8)
        paths.append(folder / f"{number:05d}.jpg")
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


class _Images(torch.utils.data.Dataset[Any]):
    def __init__(self, paths: Sequence[Path], prepare: Callable[[Image.Image], Any]) -> None:
        self._paths = paths
        self._prepare = prepare

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Any:
        with Image.open(self._paths[index]) as image:
            upright = image.convert("RGB")
        return self._paths[index], upright.size, self._prepare(upright)


def loader(
    paths: Sequence[Path], prepare: Callable[[Image.Image], Any], batch: int, n_workers: int
) -> Any:
    """Load images as evaluation scripts do, in several processes."""
    return torch.utils.data.DataLoader(
        _Images(paths, prepare),
        batch,
        num_workers=n_workers,
        collate_fn=lambda rows: list(zip(*rows, strict=True)),
    )


def settle(model: Any, run: Callable[[], object], heads: Sequence[Any]) -> None:
    """Give random weights outputs that are spread as a trained model's are.

    Else all boxes have nearly one score, and the last digit decides which of them are kept: the
    same model on another device then finds other boxes. Norms take the figures of the pictures that
    `run` shows to the model; each head gets scores around -2 with a deviation of 2.
    """
    model.eval()
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.train()
        for _ in range(8):
            run()
        model.eval()
        for head in heads:
            outputs: list[torch.Tensor] = []
            watch = head.register_forward_hook(
                lambda _, __, output, into=outputs: into.append(output)
            )
            run()
            watch.remove()
            values = torch.cat([output.flatten() for output in outputs])
            scale = 2 / float(values.std())
            head.bias.copy_((head.bias - float(values.mean())) * scale - 2)
            head.weight.mul_(scale)


def _autocast(device: str, precision: str) -> Any:
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.partition(":")[0], getattr(torch, half_of(device)))


def torchvision_model(folder: Path, size: int) -> Subject:
    """Faster R-CNN with MobileNetV3, at `size` pixels."""
    from torchvision import models
    from torchvision.transforms.functional import to_tensor

    builder = "fasterrcnn_mobilenet_v3_large_fpn"
    arguments = {"min_size": size, "max_size": size, "box_score_thresh": FLOOR}

    def build() -> Any:
        torch.manual_seed(1)
        return models.get_model_builder(builder)(
            weights=None, weights_backbone=None, num_classes=len(CLASSES) + 1, **arguments
        )

    model = build()
    pictures = [torch.rand(3, size // 2, size // 2) for _ in range(2)]
    heads = [model.rpn.head.cls_logits, model.roi_heads.box_predictor.cls_score]
    settle(model, lambda: model(pictures), heads)
    path = folder / "torchvision.pth"
    torch.save(model.state_dict(), path)

    def own(device: str, batch: int, precision: str, n_workers: int = 2) -> Loop:
        network = build()
        network.load_state_dict(torch.load(path, weights_only=True))
        network.to(device).eval()
        clock = Clock(device)

        def run(images: Sequence[Path]) -> dict[Path, Detections]:
            found: dict[Path, Detections] = {}
            for paths, _, tensors in loader(images, to_tensor, batch, n_workers):
                with torch.inference_mode(), _autocast(device, precision), clock.running():
                    outputs = network([one.to(device) for one in tensors])
                for one, output in zip(paths, outputs, strict=True):
                    boxes, scores, labels = (
                        output[name].float().cpu().numpy() for name in ("boxes", "scores", "labels")
                    )
                    found[one] = (boxes, scores, labels.astype(int) - 1)
            return found

        return Loop(run, clock)

    options = {"builder": builder, "classes": list(CLASSES), "arguments": arguments}
    table = {"framework": "torchvision", "checkpoint": path.name, "options": options}
    return Subject("torchvision", path, options, own, table=table)


def transformers_model(folder: Path, size: int) -> Subject:
    """RT-DETR with ResNet-18, at `size` pixels."""
    import transformers

    names = dict(enumerate(CLASSES))
    backbone = transformers.RTDetrResNetConfig(
        layer_type="basic",
        depths=[2, 2, 2, 2],
        hidden_sizes=[64, 128, 256, 512],
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[128, 256, 512],
        decoder_layers=3,
        hidden_expansion=0.5,
        freeze_backbone_batch_norms=False,
        id2label=names,
        label2id={name: key for key, name in names.items()},
    )
    torch.manual_seed(3)
    model = transformers.RTDetrForObjectDetection(config)
    pixels = torch.rand(2, 3, size, size)
    heads = [model.model.enc_score_head, *model.model.decoder.class_embed]
    settle(model, lambda: model(pixel_values=pixels), heads)
    path = folder / "transformers"
    processor = transformers.RTDetrImageProcessor(size={"height": size, "width": size})
    model.save_pretrained(path)
    processor.save_pretrained(path)

    def own(device: str, batch: int, precision: str, n_workers: int = 2) -> Loop:
        network = transformers.AutoModelForObjectDetection.from_pretrained(path).to(device).eval()
        clock = Clock(device)

        def prepare(image: Image.Image) -> Any:
            return processor(images=image, return_tensors="pt")["pixel_values"][0]

        def run(images: Sequence[Path]) -> dict[Path, Detections]:
            found: dict[Path, Detections] = {}
            for paths, sizes, tensors in loader(images, prepare, batch, n_workers):
                with torch.inference_mode(), _autocast(device, precision), clock.running():
                    outputs = network(pixel_values=torch.stack(list(tensors)).to(device))
                targets = torch.tensor([size[::-1] for size in sizes])
                results = processor.post_process_object_detection(
                    outputs, threshold=FLOOR, target_sizes=targets
                )
                for one, result in zip(paths, results, strict=True):
                    boxes, scores, labels = (
                        result[name].float().cpu().numpy() for name in ("boxes", "scores", "labels")
                    )
                    found[one] = (boxes, scores, labels.astype(int))
            return found

        return Loop(run, clock)

    options = {"score-floor": FLOOR}
    table = {"framework": "transformers", "checkpoint": path.name, "options": options}
    return Subject("transformers", path, options, own, table=table)


ONNX = {
    **{"resize": "stretch", "channel-order": "rgb", "divide-by": 255.0, "layout": "queries"},
    **{"activation": "sigmoid", "classes": list(CLASSES), "score-floor": FLOOR},
}


def onnx_model(folder: Path, size: int) -> Subject:
    """The export of that RT-DETR, in ONNX Runtime."""
    import onnxruntime

    path = _export(folder, size)

    def own(device: str, batch: int, precision: str, n_workers: int = 2) -> Loop:
        providers = ["CPUExecutionProvider"]
        if device != "cpu":
            providers.insert(0, "CUDAExecutionProvider")
        session = onnxruntime.InferenceSession(str(path), providers=providers)
        return _onnx_loop(lambda values: session.run(None, {"pixel_values": values}), size)

    table = {"checkpoint": path.name, "onnx": ONNX}
    return Subject("onnx", path, ONNX, own, (1,), ("float32",), table)


def openvino_model(folder: Path, size: int) -> Subject:
    """The export of that RT-DETR, in OpenVINO."""
    import openvino

    path = folder / "openvino.xml"
    openvino.save_model(
        openvino.convert_model(str(_export(folder, size))), str(path), compress_to_fp16=False
    )

    def own(device: str, batch: int, precision: str, n_workers: int = 2) -> Loop:
        # As the gate: by default some CPUs compute in bfloat16, which changes scores.
        compiled = openvino.Core().compile_model(
            str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        return _onnx_loop(lambda values: list(compiled(values).values()), size)

    table = {"checkpoint": path.name, "onnx": ONNX}
    return Subject("openvino", path, ONNX, own, (1,), ("float32",), table)


def _export(folder: Path, size: int) -> Path:
    path = folder / "onnx.onnx"
    if path.exists():
        return path
    import transformers

    source = folder / "transformers"
    if not source.exists():
        transformers_model(folder, size)
    network = transformers.AutoModelForObjectDetection.from_pretrained(source).eval()
    network.requires_grad_(requires_grad=False)

    class Outputs(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> Any:
            outputs = network(pixel_values=pixel_values)
            return outputs.pred_boxes, outputs.logits

    with quiet():
        torch.onnx.export(
            Outputs().eval(),
            (torch.zeros(1, 3, size, size),),
            str(path),
            dynamo=False,
            input_names=["pixel_values"],
            output_names=["pred_boxes", "logits"],
            opset_version=17,
        )
    return path


def _onnx_loop(run_model: Callable[[Any], Any], size: int) -> Loop:
    import cv2

    clock = Clock("cpu")  # both runtimes return when they are finished

    def run(images: Sequence[Path]) -> dict[Path, Detections]:
        found: dict[Path, Detections] = {}
        for image in images:
            pixels = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
            height, width = pixels.shape[:2]
            resized = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_LINEAR)
            values = (resized.astype(np.float32) / 255).transpose(2, 0, 1)[None]
            with clock.running():
                boxes, logits = run_model(values)
            scores = 1 / (1 + np.exp(-logits[0].astype(float)))
            best = np.argsort(-scores, axis=None, kind="stable")[: len(scores)]
            rows, labels = np.unravel_index(best, scores.shape)
            centre, half = boxes[0][rows, :2], boxes[0][rows, 2:] / 2
            scale = np.array([width, height, width, height])
            corners = np.hstack([centre - half, centre + half]) * scale
            corners = np.clip(corners, 0, scale)
            values = scores[rows, labels].astype(np.float32)
            found[image] = (corners[values > FLOOR], values[values > FLOOR], labels[values > FLOOR])
        return found

    return Loop(run, clock)


MODELS: dict[str, Callable[[Path, int], Subject]] = {
    "torchvision": torchvision_model,
    "transformers": transformers_model,
    "onnx": onnx_model,
    "openvino": openvino_model,
}
