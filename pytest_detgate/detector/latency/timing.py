"""Time that a model needs for one image, and its memory, measured in a separate process."""

from __future__ import annotations

import contextlib
import subprocess
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
    end_process,
    exit_reason,
    receive_messages,
    start_process,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress
from pytest_detgate.temporary.folder import temporary_folder


class LatencyMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """The time of each image, one at a time, in their order.

    `times_ms` are milliseconds from file to detections: reading, decoding, test pipeline, model.
    `model_ms` is the part from tensors to boxes in memory; None if the detector does not measure
    it. `peak_bytes` is the peak memory: allocated by torch on a GPU, else resident memory of the
    whole process, loading included; None if unknown. `hardware` names the GPU, if known.
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
        """The share of the time that is spent in the model."""
        return None if self.model_ms is None else sum(self.model_ms) / sum(self.times_ms)

    @property
    def peak_mb(self) -> float | None:
        """`peak_bytes` in megabytes of 10⁶ bytes."""
        return None if self.peak_bytes is None else self.peak_bytes / 1e6


class LatencyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """To the process that measures; `images` start with those for warming up."""

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


class LatencyMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the process that measures: an image is done, an error, or the measurement."""

    finished: int = 0
    error: str | None = None
    result: LatencyMeasurement | None = None


def latency_request(
    source: ModelSource, images: Sequence[Path], warm_up: int, *, sha256: str, device: str
) -> LatencyRequest:
    """Make the request for a model and images; those for warming up come first."""
    first = [images[index % len(images)] for index in range(warm_up)]
    return LatencyRequest(
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
) -> LatencyMeasurement:
    """Time the model on every image, after it has seen `warm_up` of them.

    It runs in a separate process, so that memory of this process does not count; if that fails, a
    `DetectorError` is raised. `sha256` is that of the checkpoint.
    """
    request = latency_request(source, images, warm_up, sha256=sha256, device=device)
    with temporary_folder("latency") as folder:
        request_path, log_path = Path(folder, "request.json"), Path(folder, "log")
        request_path.write_bytes(msgspec.json.encode(request))
        with (
            log_path.open("wb") as log,
            progress.task("timing", len(request.images), "images") as advance,
            start_process(
                "pytest_detgate.detector.latency.worker",
                [str(request_path)],
                device=device,
                log=log,
            ) as process,
        ):
            result, error = None, None
            try:
                for message in receive_messages(process, LatencyMessage):
                    advance(message.finished)
                    result, error = message.result or result, message.error or error
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_SECONDS)
            finally:  # also when interrupted
                end_process(process)
        if result is None:
            raise DetectorError(error or failure_text(_end_of(process.returncode, log_path)))
    return result


def failure_text(reason: str) -> str:
    """Say why there is no measurement."""
    return f"the model could not be timed: {reason}"


def _end_of(code: int, log: Path) -> str:
    killed = ", as happens when memory runs out" if code == -9 else ""
    return exit_reason(code, log) + killed
