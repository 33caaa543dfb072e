"""How long a model takes for one image, and how much memory it needs."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.subprocesses import (
    PATIENCE_SECONDS,
    end_job,
    how_it_ended,
    received,
    start_job,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The time of each image, alone in its batch, in the order in which they were taken.

    `times_ms` are milliseconds from file to detections: reading, decoding, test pipeline, model.
    `model_ms` is the part of them from tensors to boxes in memory; None where the detector does
    not say. `peak_bytes` is the most memory that the model held: allocated by torch on a GPU, else
    resident of the whole process, loading included; None where nobody says. `hardware` names the
    GPU, if known.
    """

    times_ms: list[float]
    model_ms: list[float] | None
    peak_bytes: int | None
    device: str
    hardware: str | None
    model: ModelInfo

    @property
    def median_ms(self) -> float:
        return float(np.median(self.times_ms))

    @property
    def p95_ms(self) -> float:
        """The 95th percentile, interpolated between the two nearest times (NumPy's `linear`)."""
        return float(np.percentile(self.times_ms, 95))

    @property
    def model_share(self) -> float | None:
        """The share of the whole time that is spent in the model."""
        return None if self.model_ms is None else sum(self.model_ms) / sum(self.times_ms)

    @property
    def peak_mb(self) -> float | None:
        """`peak_bytes` in megabytes of 10⁶ bytes."""
        return None if self.peak_bytes is None else self.peak_bytes / 1e6


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that measures is asked; `images` start with those for warming up."""

    checkpoint: str | None
    config: str | None
    trust: bool
    precision: str
    compile: bool
    framework: str
    entry: str | None
    options: dict[str, Any]
    folder: str | None
    threads: int | None
    image_options: ImageOptions
    sha256: str
    device: str
    images: list[str]
    warm_up: int

    @property
    def source(self) -> ModelSource:
        """The model."""
        return ModelSource(
            _path(self.checkpoint),
            _path(self.config),
            self.trust,
            precision=self.precision,
            compile=self.compile,
            framework=self.framework,
            entry=self.entry,
            options=self.options,
            folder=_path(self.folder),
            threads=self.threads,
            image_options=self.image_options,
        )


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the process that measures: an image is done, why it failed, or the answer."""

    finished: int = 0
    error: str | None = None
    answer: Latency | None = None


def request_for(
    source: ModelSource, images: Sequence[Path], warm_up: int, *, sha256: str, device: str
) -> Request:
    """What the process that measures is asked for a model and images."""
    first = [images[at % len(images)] for at in range(warm_up)]
    return Request(
        checkpoint=_name(source.checkpoint),
        config=_name(source.config),
        trust=source.trust,
        precision=source.precision,
        compile=source.compile,
        framework=source.framework,
        entry=source.entry,
        options=dict(source.options),
        folder=_name(source.folder),
        threads=source.threads,
        image_options=source.image_options,
        sha256=sha256,
        device=device,
        images=[str(image.absolute()) for image in [*first, *images]],
        warm_up=warm_up,
    )


def measure_latency(
    source: ModelSource,
    images: Sequence[Path],
    warm_up: int,
    *,
    sha256: str,
    device: str,
    progress: Progress,
) -> Latency:
    """Time the model on every image, after it has seen `warm_up` of them.

    It runs in a process of its own, so that nothing that is loaded here counts, and whatever
    happens to it there is a `DetectorError` here. `sha256` is that of the checkpoint.
    """
    request = request_for(source, images, warm_up, sha256=sha256, device=device)
    with tempfile.TemporaryDirectory(prefix="detgate-") as folder:
        asked, log_path = Path(folder, "request.json"), Path(folder, "log")
        asked.write_bytes(msgspec.json.encode(request))
        with (
            log_path.open("wb") as log,
            progress.task("timing", len(request.images), "images") as advance,
            start_job(
                "pytest_detgate.detector.latency.worker", [str(asked)], device=device, log=log
            ) as process,
        ):
            answer, error = None, None
            try:
                for message in received(process, Message):
                    advance(message.finished)
                    answer, error = message.answer or answer, message.error or error
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_SECONDS)
            finally:  # also when interrupted
                end_job(process)
        if answer is None:
            raise DetectorError(error or could_not(_ending(process.returncode, log_path)))
    return answer


def could_not(reason: str) -> str:
    """Say why there is no answer."""
    return f"the model could not be timed: {reason}"


def _ending(code: int, log: Path) -> str:
    killed = ", as happens where memory runs out" if code == -9 else ""
    return how_it_ended(code, log) + killed
