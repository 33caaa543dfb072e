"""Load and run a detector within a worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.detector.dependencies.model_making import make_model
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.protocol import Detected, Detector, LoadedModel, ModelSource
from pytest_detgate.detector.registry import framework


def load_detector(
    source: ModelSource,
    *,
    sha256: str,
    device: str,
    batch_size: int | None = None,
    project: str | None = None,
) -> LoadedModel:
    """Load the model of `source` onto a device of this process, and record its dependencies.

    `project` is the folder of its project on the machine of the gate, if that is another one.
    Torch uses `source.threads`: with another number of threads, numbers are added in another order,
    which changes the last digits of detections on a CPU.
    """
    model_framework = framework(source.framework)

    def load() -> LoadedModel:
        return model_framework.load(source, sha256=sha256, device=device, batch_size=batch_size)

    loaded = make_model(load, source, model_framework.own_modules(source), project)
    torch = sys.modules.get("torch")
    if source.threads is not None and torch is not None:
        torch.set_num_threads(source.threads)
    return loaded


def detect_in_worker(
    detector: Detector, images: Sequence[Path], *, forks: bool
) -> Iterator[Detected]:
    """Run a detector within a worker; without `forks` it starts no processes."""
    in_turn = getattr(detector, "in_turn", None)
    # A worker uses its core alone: on a CPU, reading ahead would slow down the model.
    if in_turn is None or (forks and device_type(detector.device) == "cuda"):
        return detector.detect(images)
    detected: Iterator[Detected] = in_turn(images)
    return detected
