"""The process that times a model.

Run as `python -m pytest_detgate.detector.latency_job REQUEST`, where REQUEST is a file with a
`latency.Request`; answers with messages on the standard output.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

import msgspec

from pytest_detgate.detector.devices import device_type, exclusive, resolve_device
from pytest_detgate.detector.job import Channel
from pytest_detgate.detector.latency import Latency, Message, Request, could_not
from pytest_detgate.detector.packages import quiet, require_mmdetection
from pytest_detgate.detector.protocol import ModelSource, UnreadableImage
from pytest_detgate.errors import DetectorError


def main(arguments: list[str]) -> int:
    """Measure; returns the exit code."""
    channel = Channel()
    request = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Request)
    try:
        answer = _measure(request, channel)
    except BrokenPipeError:
        return 1
    except DetectorError as error:
        channel.send(Message(error=str(error)))
        return 1
    except Exception as error:  # the project's own code runs here
        traceback.print_exc()
        channel.send(Message(error=could_not(f"{type(error).__name__}: {error}")))
        return 1
    channel.send(Message(answer=answer))
    return 0


def _measure(request: Request, channel: Channel) -> Latency:
    require_mmdetection()
    import torch

    with quiet():
        from pytest_detgate.detector.mmdetection import load_model
    source = ModelSource(
        Path(request.checkpoint),
        None if request.config is None else Path(request.config),
        request.trust,
        request.precision,
        request.compile,
    )
    place = resolve_device(request.device)
    on_gpu = device_type(place) == "cuda"

    def settle() -> None:
        if on_gpu:
            torch.cuda.synchronize(place)

    times: list[float] = []
    model_times: list[float] = []
    with exclusive(place):
        detector = load_model(source, sha256=request.sha256, device=place, batch_size=1).detector
        # One by one and without workers: nothing of an image is done before its time begins.
        answers = detector.detect([Path(image) for image in request.images], n_workers=0)
        for _ in request.images:
            settle()
            in_model, started = detector.model_seconds, time.perf_counter()
            answer = next(answers)
            settle()
            times.append(time.perf_counter() - started)
            model_times.append(detector.model_seconds - in_model)
            if isinstance(answer.result, UnreadableImage):
                raise DetectorError(f"{answer.image}: cannot be read: {answer.result.reason}")
            channel.send(Message(finished=1))
        peak = torch.cuda.max_memory_allocated(place) if on_gpu else peak_resident_bytes()
    return Latency(
        times_ms=[seconds * 1000 for seconds in times[request.warm_up :]],
        model_ms=[seconds * 1000 for seconds in model_times[request.warm_up :]],
        peak_bytes=peak,
        device=place,
        hardware=torch.cuda.get_device_name(place) if on_gpu else None,
        model=detector.info,
    )


def peak_resident_bytes() -> int | None:
    """The most memory that this process ever held; None where the system does not say."""
    # On Linux `ru_maxrss` of a process that was forked starts at what its parent held; this
    # does not.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
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
