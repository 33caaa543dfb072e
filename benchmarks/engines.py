"""Images a second of two workers beside one: local processes, and actors of Ray.

    python benchmarks/engines.py [--n-images 96] [--rounds 5] [--cores 2]

RTMDet-tiny with random weights at 640 × 640 on a CPU, one thread for each model, all on the same
cores, in alternating rounds, once the workers have loaded the model. The seconds of CPU that an
image takes, all processes together (on Linux), tell what an engine costs also where others use the
machine, too.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import hashlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

from inference import draw, model_config, write_coco  # type: ignore[import-not-found]

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.detector.workers.start import start_detector

PLANS = {
    "local, 1 in this process": RunPlan(threads=1),
    "local, 2 workers": RunPlan(threads=1, workers=2),
    "Ray, 1 worker": RunPlan(threads=1, workers=1, engine="ray"),
    "Ray, 2 workers": RunPlan(threads=1, workers=2, engine="ray"),
    "Ray, 2, shared files": RunPlan(threads=1, workers=2, engine="ray", shared_files=True),
}


_MARK = f"DETGATE_BENCHMARK_{os.getpid()}"


def cpu_seconds() -> float:
    """What this process and all that were started since by whomever it started have used."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{_MARK}=".encode() in (process / "environ").read_bytes():
                # Behind the name, which is in brackets: user and system time are fields 14 and 15.
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def save_model(folder: Path, images: list[Path]) -> Path:
    """Save RTMDet-tiny with random weights that find something."""
    from mmengine.runner import Runner

    write_coco(folder, images)
    config = model_config(folder, 1, 0)
    runner = Runner.from_cfg(copy.deepcopy(config))
    for name, parameter in runner.model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter)
        elif "rtm_cls" in name:
            torch.nn.init.constant_(parameter, -2.0)
    for _ in range(8):  # normalisation that fits
        runner.model.train()(torch.randn(2, 3, 128, 128), mode="tensor")
    meta = {"cfg": config.pretty_text, "dataset_meta": {"classes": ("a", "b")}}
    checkpoint = folder / "model.pth"
    torch.save({"meta": meta, "state_dict": runner.model.state_dict()}, checkpoint)
    return checkpoint


def differ(found: list[Detected], expected: dict[Path, Any]) -> int:
    """How many images have other detections, to the last bit."""
    return sum(
        not all(
            np.array_equal(getattr(one.result, name), getattr(expected[one.image], name))
            for name in ("xyxy", "score", "label")
        )
        for one in found
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n-images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    os.environ[_MARK] = "1"  # not in /proc for this process itself, but for those it starts
    seconds: dict[str, list[float]] = {name: [] for name in PLANS}
    on_cpu: dict[str, list[float]] = {name: [] for name in PLANS}
    starting: dict[str, float] = {}
    wrong = dict.fromkeys(PLANS, 0)
    expected: dict[Path, Any] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as at_end:
        folder = Path(name)
        images = draw(folder, options.n_images)
        with quiet():
            checkpoint = save_model(folder, images)
        source = ModelSource(checkpoint)
        sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        for _ in range(options.rounds):
            for label, plan in PLANS.items():
                began = time.perf_counter()
                detector: Any = start_detector(
                    source, sha256=sha256, device="cpu", batch_size=None, plan=plan
                ).detector
                end = getattr(detector, "end", lambda: None)
                at_end.callback(end)
                list(detector.detect(images[:32]))  # every worker has loaded the model by then
                starting.setdefault(label, time.perf_counter() - began)
                used, began = cpu_seconds(), time.perf_counter()
                found = list(detector.detect(images))
                seconds[label].append(time.perf_counter() - began)
                on_cpu[label].append(cpu_seconds() - used)
                end()
                assert all(isinstance(one.result, ImageDetections) for one in found)
                expected = expected or {one.image: one.result for one in found}
                wrong[label] += differ(found, expected)
    print(
        f"{options.n_images} images of 1920 × 1080, {options.cores} cores, "
        f"torch {torch.__version__}, median of {options.rounds} rounds (least to most)"
    )
    print(
        f"{'':26} {'images/s':>20} {'of one':>8} {'CPU s/image':>12} {'differ':>7} "
        f"{'first start':>12}"
    )
    one = statistics.median(seconds["local, 1 in this process"])
    for label, measured in seconds.items():
        middle = statistics.median(measured)
        spread = f"({len(images) / max(measured):.1f} to {len(images) / min(measured):.1f})"
        print(
            f"{label:26} {len(images) / middle:6.2f} {spread:>13} {one / middle:7.2f}x "
            f"{statistics.median(on_cpu[label]) / len(images):12.3f} {wrong[label]:7} "
            f"{starting[label]:10.1f} s"
        )


if __name__ == "__main__":
    main()
