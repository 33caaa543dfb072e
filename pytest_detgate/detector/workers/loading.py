"""The one place where an engine comes by a detector."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.detector.dependencies.made_model import make_model
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
    """Load the model that `source` describes onto a device of this process, by its framework;
    what it depends on is noted. `project` is what the folder of its project is called where the
    gate runs, if that is another machine.

    More or fewer threads add numbers in another order, which changes the last digits of what a
    CPU finds: torch is held to `source.threads`, whoever has imported it.
    """
    kind = framework(source.framework)

    def load() -> LoadedModel:
        return kind.load(source, sha256=sha256, device=device, batch_size=batch_size)

    loaded = make_model(load, source, kind.own_modules(source), project)
    torch = sys.modules.get("torch")
    if source.threads is not None and torch is not None:
        torch.set_num_threads(source.threads)
    return loaded


def detect_here(detector: Detector, images: Sequence[Path], *, forks: bool) -> Iterator[Detected]:
    """Run a detector within a worker; without `forks` it starts no processes of its own."""
    in_turn = getattr(detector, "in_turn", None)
    # A worker has its core to itself: whoever reads ahead would take it away.
    if in_turn is None or (forks and device_type(detector.device) == "cuda"):
        return detector.detect(images)
    found: Iterator[Detected] = in_turn(images)
    return found
