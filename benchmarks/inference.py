"""Images a second: ours beside MMEngine's `Runner.test` and MMDetection's `inference_detector`.

    python benchmarks/inference.py [--device cuda] [--images FOLDER] [--n-images 8]
        [--batch-size 1] [--workers 0 2] [--rounds 15] [--precision float32]

Same process, same checkpoint (RTMDet-tiny with random weights), same pictures, in turns, each with
a turn in every round. A ratio is that of two turns of one round, and what is printed its median,
so that a machine with other work is that to all of them. The runner writes its results down as
`tools/test.py --out` does and evaluates nothing.

`--precision half` is for ours alone: the operators of MMDetection's own loops take no half.

Also printed: the share of the time that is spent in the model, how far that is from the model's
own forward on tensors that are ready, and how far our detections are from MMDetection's.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# As the gate does it: OpenMP's threads sleep while they wait. Read once, when torch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from mmengine.config import Config
from PIL import Image
from pytest_detgate.detector.image_loading import worker_count

from pytest_detgate.dataset.images.options import AS_SHOWN
from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.devices import device_type, resolve_device
from pytest_detgate.detector.mmdet.detector import MMDetector
from pytest_detgate.detector.mmdet.images import by_shape, prepared_images
from pytest_detgate.detector.mmdet.loader import load_model
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource

_WIDTHS = (96, 192, 384)
_NORM: dict[str, Any] = {"norm_cfg": {"type": "BN"}, "act_cfg": {"type": "SiLU", "inplace": True}}


def model_config(folder: Path, batch_size: int, workers: int) -> Config:
    """RTMDet-tiny at 640 × 640, as MMDetection configures it."""
    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (640, 640), "keep_ratio": True},
        {"type": "Pad", "size": (640, 640), "pad_val": {"img": (114, 114, 114)}},
        {
            "type": "PackDetInputs",
            "meta_keys": ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
        },
    ]
    model = {
        "type": "RTMDet",
        "data_preprocessor": {
            "type": "DetDataPreprocessor",
            "mean": [103.53, 116.28, 123.675],
            "std": [57.375, 57.12, 58.395],
            "bgr_to_rgb": False,
        },
        "backbone": {
            **{"type": "CSPNeXt", "arch": "P5", "expand_ratio": 0.5, "channel_attention": True},
            **{"deepen_factor": 0.167, "widen_factor": 0.375, **_NORM},
        },
        "neck": {
            **{"type": "CSPNeXtPAFPN", "in_channels": _WIDTHS, "out_channels": 96},
            **{"num_csp_blocks": 1, "expand_ratio": 0.5, **_NORM},
        },
        "bbox_head": {
            **{"type": "RTMDetSepBNHead", "num_classes": 2, "in_channels": 96},
            **{"feat_channels": 96, "stacked_convs": 2, "with_objectness": False},
            **{"exp_on_reg": False, "share_conv": True, "pred_kernel_size": 1, **_NORM},
            "anchor_generator": {
                "type": "MlvlPointGenerator",
                "offset": 0,
                "strides": [8, 16, 32],
            },
            "bbox_coder": {"type": "DistancePointBBoxCoder"},
            "loss_cls": {"type": "QualityFocalLoss", "use_sigmoid": True},
            "loss_bbox": {"type": "GIoULoss"},
        },
        "test_cfg": {
            **{"nms_pre": 30000, "min_bbox_size": 0, "score_thr": 0.001, "max_per_img": 300},
            "nms": {"type": "nms", "iou_threshold": 0.65},
        },
    }
    dataset = {
        **{"type": "CocoDataset", "ann_file": str(folder / "coco.json"), "test_mode": True},
        **{"data_prefix": {"img": ""}, "metainfo": {"classes": ("a", "b")}, "pipeline": pipeline},
    }
    return Config(
        {
            "default_scope": "mmdet",
            "model": model,
            "test_dataloader": {
                **{"batch_size": batch_size, "num_workers": workers, "dataset": dataset},
                "sampler": {"type": "DefaultSampler", "shuffle": False},
            },
            "test_cfg": {"type": "TestLoop"},
            "test_evaluator": {"type": "DumpDetResults", "out_file_path": str(folder / "out.pkl")},
            "work_dir": str(folder / "work"),
            "log_level": "ERROR",
        }
    )


def draw(folder: Path, n_images: int) -> list[Path]:
    """Pictures of camera size that compress as photographs do."""
    pick = np.random.default_rng(0)
    images = []
    for number in range(n_images):
        coarse = pick.integers(0, 255, (54, 96, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((1920, 1080), Image.Resampling.BICUBIC)
        images.append(folder / f"{number:05d}.jpg")
        picture.save(images[-1], quality=90)
    return images


def write_coco(folder: Path, images: list[Path]) -> None:
    """List the pictures for the runner."""
    rows = []
    for number, image in enumerate(images):
        with Image.open(image) as picture:
            width, height = picture.size
        rows.append({"id": number, "file_name": str(image), "width": width, "height": height})
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    content = {"images": rows, "annotations": [], "categories": categories}
    (folder / "coco.json").write_text(json.dumps(content), encoding="utf-8")


class Forward:
    """Seconds spent in the model itself."""

    def __init__(self, model: Any, device: str) -> None:
        self.seconds = 0.0
        self._step = model.test_step
        self._on_gpu = device_type(device) == "cuda"
        model.test_step = self._timed

    def _timed(self, data: Any) -> Any:
        started = time.perf_counter()
        answer = self._step(data)
        if self._on_gpu:
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - started
        return answer


def give_weights(model: Any) -> None:
    """Random weights with which most scores are low and some are high, as in a trained model."""
    torch.manual_seed(0)
    device = next(model.parameters()).device
    for name, parameter in model.named_parameters():
        if "rtm_cls" in name and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
        elif "rtm_cls" in name:
            torch.nn.init.constant_(parameter, -8.0)
        elif parameter.dim() > 1 and "rtm_reg" not in name:
            torch.nn.init.kaiming_normal_(parameter)
    with torch.no_grad():
        for _ in range(20):  # until the norms' running figures fit
            model.train()(torch.randn(2, 3, 128, 128, device=device), mode="tensor")
    model.eval()


class Ready:
    """The model's own forward, to boxes in memory, on tensors that are ready."""

    def __init__(self, detector: MMDetector, images: list[Path]) -> None:
        self._model = detector.model
        self._n_images = len(images)
        prepared = prepared_images(
            images, detector.transforms, batch_size=1, n_workers=0, options=AS_SHOWN
        )
        self._groups = []
        for group in by_shape(prepared, batch_size=detector.batch_size):
            group += group[-1:] * (detector.batch_size - len(group))
            data = {
                "inputs": [image.inputs for image in group],
                "data_samples": [image.data_sample.clone() for image in group],
            }
            self._groups.append(self._model.data_preprocessor(data, False))

    def __call__(self) -> None:
        with torch.inference_mode():
            for data in self._groups:
                samples = [sample.clone() for sample in data["data_samples"]]
                for answer in self._model(data["inputs"], samples, mode="predict"):
                    answer.pred_instances.scores.cpu()


def difference(found: ImageDetections, expected: Any) -> tuple[float, float, int]:
    """The largest difference of score and of a corner between boxes that are the same, and how
    many have no counterpart within a pixel."""
    boxes, scores = expected.bboxes.cpu().numpy(), expected.scores.cpu().numpy()
    labels = expected.labels.cpu().numpy()
    score, pixels, alone = 0.0, 0.0, abs(len(scores) - len(found.score))
    for box, value, label in zip(found.xyxy, found.score, found.label, strict=True):
        off = np.abs(boxes - box).max(axis=1)
        away = off + np.abs(scores - value) + 1e6 * (labels != label)
        at = int(away.argmin())
        if off[at] > 1:
            alone += 1
        else:
            score = max(score, abs(float(scores[at] - value)))
            pixels = max(pixels, float(off[at]))
    return score, pixels, alone


@dataclass
class Contenders:
    """What is compared: functions that infer all pictures, and the clocks of their models."""

    infer: dict[str, Callable[[], object]]
    clocks: dict[str, Forward]
    forward: Callable[[], object]
    plain_forward: Callable[[], object]
    differences: list[tuple[float, float, int]]


def contenders(
    folder: Path,
    images: list[Path],
    batch_size: int,
    workers: list[int],
    device: str,
    precision: str,
) -> Contenders:
    """Build each from one checkpoint."""
    from mmdet.apis import inference_detector, init_detector
    from mmengine.runner import Runner

    checkpoint = folder / "model.pth"
    infer: dict[str, Callable[[], object]] = {}
    clocks = {}
    for count in workers:
        config = model_config(folder, batch_size, count)
        runner = Runner.from_cfg(copy.deepcopy(config))
        if not checkpoint.exists():
            give_weights(runner.model)
            meta = {"cfg": config.pretty_text, "dataset_meta": {"classes": ("a", "b")}}
            torch.save({"meta": meta, "state_dict": runner.model.state_dict()}, checkpoint)
        runner.model.to(device)
        runner.load_checkpoint(str(checkpoint))
        name = f"Runner.test, {count} workers"
        infer[name], clocks[name] = runner.test, Forward(runner.model, device)
    loaded = load_model(
        ModelSource(checkpoint, precision=precision),
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        device=device,
        batch_size=batch_size,
    )
    assert isinstance(loaded.detector, MMDetector)
    detector = loaded.detector
    reference = init_detector(copy.deepcopy(config), str(checkpoint), device=device)
    expected = {image: inference_detector(reference, str(image)) for image in images}
    differences = [
        difference(detected.result, expected[detected.image].pred_instances)
        for detected in detector.detect(images)
        if isinstance(detected.result, ImageDetections)
    ]
    plain = MMDetector(
        copy.deepcopy(reference),
        detector.transforms,
        info=detector.info,
        device=device,
        batch_size=batch_size,
        image_options=AS_SHOWN,
    )
    forward, plain_forward = Ready(detector, images), Ready(plain, images)
    paths = [str(image) for image in images]
    infer["inference_detector"] = lambda: inference_detector(reference, paths)
    clocks["inference_detector"] = Forward(reference, device)
    infer["ours"] = lambda: list(detector.detect(images))
    clocks["ours"] = Forward(detector.model, device)
    return Contenders(infer, clocks, forward, plain_forward, differences)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=Path, help="a folder of pictures; omitted: drawn ones")
    parser.add_argument("--n-images", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="the runner's")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--precision", choices=("float32", "half"), default="float32")
    options = parser.parse_args()
    device = resolve_device(options.device)
    half = "bfloat16" if device_type(device) == "cpu" else "float16"
    precision = half if options.precision == "half" else options.precision
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = (
            sorted(path for path in options.images.iterdir() if path.suffix.lower() == ".jpg")
            if options.images
            else draw(folder, options.n_images)
        )
        write_coco(folder, images)
        with quiet():
            competing = contenders(
                folder, images, options.batch_size, options.workers, device, precision
            )
            seconds, shares = measured(competing, options.rounds, device)
    n_workers = worker_count(len(images), options.batch_size, device_type(device))
    print(
        f"{len(images)} images, batch {options.batch_size}, {device}, {precision}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"ours with {n_workers} workers; medians of {options.rounds} rounds"
    )
    print(f"{'':24} {'images/s':>9} {'ours is':>9} {'in the model':>13}")
    for label, measured_seconds in seconds.items():
        share = f"{statistics.median(shares[label]):.0%}" if label in shares else ""
        print(
            f"{label:24} {len(images) / statistics.median(measured_seconds):9.2f} "
            f"{ratio(measured_seconds, seconds['ours']):8.2f}x {share:>12}"
        )
    peers = [label for label in competing.infer if label != "ours"]
    best = [min(turns) for turns in zip(*(seconds[label] for label in peers), strict=True)]
    print(f"ours against the best peer of each round: {ratio(best, seconds['ours']):.2f}x")
    score, pixels, alone = (
        max(part) for part in list(zip(*competing.differences, strict=True))[:3]
    )
    print(
        f"ours and inference_detector differ by {score:.1e} in score and {pixels:.1e} px at most; "
        f"at most {alone} boxes of an image without counterpart"
    )


def measured(
    competing: Contenders, rounds: int, device: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each turn, and the share of them in the model."""
    turns = {
        **competing.infer,
        "our forward alone": competing.forward,
        "plain forward alone": competing.plain_forward,
    }
    seconds: dict[str, list[float]] = {label: [] for label in turns}
    shares: dict[str, list[float]] = {label: [] for label in competing.infer}
    for number in range(rounds + 1):
        for label, infer in turns.items():
            if label in shares:
                competing.clocks[label].seconds = 0.0
            started = time.perf_counter()
            infer()
            if device_type(device) == "cuda":
                torch.cuda.synchronize()
            passed = time.perf_counter() - started
            if number:  # the first round warms up
                seconds[label].append(passed)
                if label in shares:
                    shares[label].append(competing.clocks[label].seconds / passed)
    return seconds, shares


def ratio(one: list[float], other: list[float]) -> float:
    """The median over the rounds of how much longer one takes than the other."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
