"""Images a second: ours beside MMEngine's `Runner.test` and MMDetection's `inference_detector`.

    python benchmarks/inference.py [--device cuda] [--images FOLDER] [--n-images 48]
        [--batch-size 1] [--workers 1] [--rounds 5]

Same process, same checkpoint (RTMDet-tiny with random weights), same pictures, alternating
rounds. The runner writes its results down as `tools/test.py --out` does and evaluates nothing.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from PIL import Image

from pytest_detgate.detector.devices import device_type, resolve_device
from pytest_detgate.detector.images import worker_count
from pytest_detgate.detector.mmdetection import load_model
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


def contenders(
    folder: Path, images: list[Path], config: Config, device: str
) -> dict[str, tuple[Callable[[], object], Forward]]:
    """What is compared: a function that infers all pictures, and its model's clock."""
    from mmdet.apis import inference_detector, init_detector
    from mmengine.runner import Runner

    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.model.to(device)
    checkpoint = folder / "model.pth"
    torch.save(
        {
            "meta": {"cfg": config.pretty_text, "dataset_meta": {"classes": ("a", "b")}},
            "state_dict": runner.model.state_dict(),
        },
        checkpoint,
    )
    ours = load_model(
        ModelSource(checkpoint),
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        device=device,
        batch_size=config.test_dataloader.batch_size,
    ).detector
    reference = init_detector(copy.deepcopy(config), str(checkpoint), device=device)
    runner.load_checkpoint(str(checkpoint))
    paths = [str(image) for image in images]
    return {
        "ours": (lambda: list(ours.detect(images)), Forward(ours.model, device)),
        "Runner.test": (runner.test, Forward(runner.model, device)),
        "inference_detector": (
            lambda: inference_detector(reference, paths),
            Forward(reference, device),
        ),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=Path, help="a folder of pictures; omitted: drawn ones")
    parser.add_argument("--n-images", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--workers", type=int, help="the runner's; omitted: as many as ours")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = resolve_device(options.device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = (
            sorted(path for path in options.images.iterdir() if path.suffix.lower() == ".jpg")
            if options.images
            else draw(folder, options.n_images)
        )
        write_coco(folder, images)
        ours = worker_count(len(images), options.batch_size, device_type(device))
        workers = ours if options.workers is None else options.workers
        config = model_config(folder, options.batch_size, workers)
        seconds: dict[str, list[float]] = {}
        shares: dict[str, list[float]] = {}
        with quiet():
            competing = contenders(folder, images, config, device)
            for number in range(options.rounds + 1):
                for label, (infer, forward) in competing.items():
                    forward.seconds = 0.0
                    started = time.perf_counter()
                    infer()
                    passed = time.perf_counter() - started
                    if number:  # the first round warms up
                        seconds.setdefault(label, []).append(passed)
                        shares.setdefault(label, []).append(forward.seconds / passed)
    print(
        f"{len(images)} images, batch {options.batch_size}, {workers} workers, {device}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"median of {options.rounds} rounds"
    )
    print(f"{'':20} {'images/s':>9} {'ours is':>9} {'in the model':>13}")
    best = statistics.median(seconds["ours"])
    for label, measured in seconds.items():
        median = statistics.median(measured)
        print(
            f"{label:20} {len(images) / median:9.2f} {median / best:8.2f}x "
            f"{statistics.median(shares[label]):12.0%}"
        )


if __name__ == "__main__":
    main()
