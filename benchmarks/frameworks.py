"""AP and images a second of the gate beside the loop of each framework, on the same images.

    python benchmarks/frameworks.py [--frameworks torchvision transformers onnx openvino]
        [--device cpu] [--n-images 16] [--size 320] [--batch-size 1] [--rounds 5] [--json FILE]

Each framework has a model with random weights, see `framework_models.py`. Its loop is the one that
its documentation shows; torchvision and transformers load images in two processes. The ground truth
lies near some detections of that loop. Both take turns in one process, and a ratio is that of two
turns of one round. AP of the gate is that of a whole run of pytest; AP of the loop is pycocotools'.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# As the gate does it: OpenMP's threads sleep while they wait. Read once, when torch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from framework_gate import (  # type: ignore[import-not-found]
    average_precision,
    gate,
    value_of,
    write_gate,
    write_labels,
)
from framework_models import (  # type: ignore[import-not-found]
    MODELS,
    Detections,
    draw,
    synchronize,
)

from pytest_detgate.detector.packages import installed_versions, quiet


@dataclass(frozen=True)
class Row:
    """A framework in the table: AP of the gate and of its own loop, images a second of both, how
    many times faster the gate is, share of its time in the model, largest difference of scores, and
    seconds of the whole command `pytest`."""

    framework: str
    ap: float
    own_ap: float
    images_per_s: float
    own_images_per_s: float
    ratio: float
    in_model: float
    score_difference: float
    command_s: float


def turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int, device: str
) -> dict[str, list[float]]:
    """Seconds of each in each round, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            synchronize(device)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(one: list[float], other: list[float]) -> float:
    """The median over the rounds of how much longer one takes than the other."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def share_in_model(detector: Any, images: list[Path]) -> float:
    """Return the share of the time of one more turn that is spent in the model."""
    before, started = detector.model_seconds, time.perf_counter()
    list(detector.detect(images))
    return float((detector.model_seconds - before) / (time.perf_counter() - started))


def found_by(detector: Any, images: list[Path]) -> dict[Path, Detections]:
    """Return what the gate's detector finds."""
    results = {one.image: one.result.cut() for one in detector.detect(images)}
    return {path: (results[path].xyxy, results[path].score, results[path].label) for path in images}


def score_difference(one: Mapping[Path, Detections], other: Mapping[Path, Detections]) -> float:
    """Return the largest difference of scores by rank; infinity if a number of boxes differs."""
    largest = 0.0
    for path, (_, scores, _) in one.items():
        theirs = other[path][1]
        if len(theirs) != len(scores):
            return float("inf")
        if len(scores):
            far = np.abs(np.sort(scores.astype(float)) - np.sort(theirs.astype(float)))
            largest = max(largest, float(far.max()))
    return largest


def measure(name: str, options: argparse.Namespace) -> Row:
    """Measure one framework in a folder of its own."""
    with tempfile.TemporaryDirectory() as temporary, quiet():
        folder = Path(temporary)
        images = draw(folder / "images", options.n_images, (960, 540))
        subject = MODELS[name](folder, options.size)
        batch_size = options.batch_size if options.batch_size in subject.batches else 1
        loop = subject.own(options.device, batch_size, "float32")
        detector = subject.load(options.device, batch_size)
        own, ours = loop.run(images), found_by(detector, images)
        write_labels(folder, own)
        write_gate(folder, subject)
        record = gate(folder, options.device)
        seconds = turns(
            {"own": lambda: loop.run(images), "ours": lambda: list(detector.detect(images))},
            options.rounds,
            options.device,
        )
        return Row(
            framework=name,
            ap=value_of(record, "mean-ap", "ap"),
            own_ap=average_precision(folder, [own[path] for path in images]),
            images_per_s=len(images) / statistics.median(seconds["ours"]),
            own_images_per_s=len(images) / statistics.median(seconds["own"]),
            ratio=ratio(seconds["own"], seconds["ours"]),
            in_model=share_in_model(detector, images),
            score_difference=score_difference(own, ours),
            command_s=record["seconds"],
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frameworks", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--n-images", type=int, default=16)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the rows into this file")
    options = parser.parse_args()
    rows = [measure(name, options) for name in options.frameworks]
    versions = installed_versions(
        ("torch", "torchvision", "transformers", "onnxruntime", "openvino", "pycocotools")
    )
    device = "CPU" if options.device == "cpu" else torch.cuda.get_device_name(options.device)
    print(
        f"{options.n_images} images of 960 × 540 at {options.size} pixels, {device}, "
        f"{torch.get_num_threads()} threads, {options.rounds} rounds"
    )
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print("framework     ap gate   ap own  images/s gate   own  ratio  in model  scores differ")
    for row in rows:
        print(
            f"{row.framework:12} {row.ap:8.4f} {row.own_ap:8.4f} {row.images_per_s:14.2f} "
            f"{row.own_images_per_s:5.2f} {row.ratio:6.2f} {row.in_model:9.0%} "
            f"{row.score_difference:14.1e}"
        )
    if options.json is not None:
        content = {
            "device": device,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "images": options.n_images,
            "size": options.size,
            "rounds": options.rounds,
            "versions": versions,
            "rows": [asdict(row) for row in rows],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
