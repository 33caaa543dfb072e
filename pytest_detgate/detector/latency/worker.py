"""The process that times a model.

Run as `python -m pytest_detgate.detector.latency.worker REQUEST`, where REQUEST is a file with a
`LatencyRequest`. It sends messages on the standard output.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detections import OutputNotFinite, UnreadableImage
from pytest_detgate.detector.devices import device_type, exclusive
from pytest_detgate.detector.latency.timing import (
    LatencyMeasurement,
    LatencyMessage,
    LatencyRequest,
    failure_text,
)
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.subprocesses import MessageWriter
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular, read_regular_text


def main(arguments: list[str]) -> int:
    """Measure; return the exit code."""
    writer = MessageWriter()
    request = msgspec.json.decode(read_regular(arguments[0]), type=LatencyRequest)
    try:
        result = _measure(request, writer)
    except BrokenPipeError:
        return 1
    except DetectorError as error:
        writer.send(LatencyMessage(error=str(error)))
        return 1
    except Exception as error:  # the project's own code runs here
        traceback.print_exc()
        writer.send(LatencyMessage(error=failure_text(f"{type(error).__name__}: {error}")))
        return 1
    writer.send(LatencyMessage(result=result))
    return 0


def _measure(request: LatencyRequest, writer: MessageWriter) -> LatencyMeasurement:
    detector: Any = load_detector(
        request.source, sha256=request.sha256, device=request.device, batch_size=1
    ).detector
    device: str = detector.device
    torch = sys.modules.get("torch") if device_type(device) == "cuda" else None
    with exclusive(device):
        times, model_times = _time_images(detector, request, torch, writer)
        peak = _peak_bytes(device, torch)
    return LatencyMeasurement(
        times_ms=times,
        model_ms=model_times,
        peak_bytes=peak,
        device=device,
        hardware=torch.cuda.get_device_name(device) if torch else None,
        model=detector.info,
    )


def _time_images(
    detector: Any, request: LatencyRequest, torch: Any, writer: MessageWriter
) -> tuple[list[float], list[float] | None]:
    """Return the milliseconds of each image after the warm-up: all of them, and in the model."""

    def wait_for_gpu() -> None:
        if torch is not None:
            torch.cuda.synchronize(detector.device)

    has_model_time = hasattr(detector, "model_seconds")
    times: list[float] = []
    model_times: list[float] = []
    results = _in_turn(detector, [Path(image) for image in request.images])
    for _ in request.images:
        wait_for_gpu()
        model_seconds = detector.model_seconds if has_model_time else 0.0
        started = time.perf_counter()
        detected = next(results)
        wait_for_gpu()
        times.append((time.perf_counter() - started) * 1000)
        if has_model_time:
            model_times.append((detector.model_seconds - model_seconds) * 1000)
        _require_detections(detected)
        writer.send(LatencyMessage(finished=1))
    n = request.warm_up
    return times[n:], model_times[n:] if has_model_time else None


def _require_detections(detected: Detected) -> None:
    if isinstance(detected.result, UnreadableImage):
        raise DetectorError(f"{detected.image}: cannot be read: {detected.result.reason}")
    if isinstance(detected.result, OutputNotFinite):
        raise DetectorError(
            f"{detected.image}: the model gives NaN or infinity ({detected.result.output})"
        )


def _in_turn(detector: Any, images: Sequence[Path]) -> Iterator[Detected]:
    """Yield detections one by one; no work on an image begins before its time does."""
    if hasattr(detector, "in_turn"):
        yield from detector.in_turn(images)
        return
    for image in images:
        yield from detector.detect([image])


def _peak_bytes(device: str, torch: Any) -> int | None:
    """Return the peak memory of the model; None if unknown."""
    if device_type(device) == "cpu":
        return peak_resident_bytes()
    # Memory of other frameworks on a GPU is not known to torch.
    return (torch.cuda.max_memory_allocated(device) or None) if torch else None


def peak_resident_bytes() -> int | None:
    """Return the peak resident memory of this process; None if the system does not tell it."""
    # On Linux `ru_maxrss` of a forked process starts at the value of its parent; VmHWM does not.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in read_regular_text(status, "ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
