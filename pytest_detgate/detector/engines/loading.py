"""The one place where an engine comes by a detector."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.packages import package_versions, quiet, require_mmdetection
from pytest_detgate.detector.protocol import Detected, Detector, ModelSource


@dataclass(frozen=True, slots=True)
class LoadedDetector:
    """A detector, and the project's files, the environment variables and the versions of packages
    that it was made from."""

    detector: Detector
    files: tuple[Path, ...]
    environment: Mapping[str, str | None]
    versions: Mapping[str, str]


def load_detector(
    source: ModelSource,
    *,
    sha256: str,
    device: str,
    batch_size: int | None = None,
    threads: int | None = None,
) -> LoadedDetector:
    """Load the model that `source` describes onto a device of this process.

    `threads` is how many threads of torch it may use. More or fewer of them add numbers in
    another order, which changes the last digits of what a CPU finds.
    """
    require_mmdetection()
    with quiet():
        from pytest_detgate.detector.mmdetection import load_model
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    loaded = load_model(source, sha256=sha256, device=device, batch_size=batch_size)
    return LoadedDetector(loaded.detector, loaded.files, loaded.environment, package_versions())


def versions_here(versions: Mapping[str, str]) -> dict[str, str]:
    """The versions on this machine of the packages that a detector elsewhere is run by."""
    here = package_versions()
    return {name: here.get(name, "") for name in versions}


def detect_here(detector: Detector, images: Sequence[Path], *, forks: bool) -> Iterator[Detected]:
    """Run a detector within a worker; without `forks` it starts no processes of its own."""
    if forks and device_type(detector.device) == "cuda":
        return detector.detect(images)
    if "pytest_detgate.detector.inference" in sys.modules:
        from pytest_detgate.detector.inference import MMDetector

        # A worker has its core to itself: a process that reads ahead would take it away.
        if isinstance(detector, MMDetector):
            return detector.detect(images, n_workers=0)
    return detector.detect(images)
