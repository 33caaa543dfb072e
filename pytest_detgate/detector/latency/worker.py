"""The process that times a model.

Run as `python -m pytest_detgate.detector.latency.worker REQUEST`, where REQUEST is a file with a
`latency.Request`; answers with messages on the standard output.
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
from pytest_detgate.detector.latency.timing import Latency, Message, Request, could_not
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.subprocesses import Channel
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular, read_regular_text


def main(arguments: list[str]) -> int:
    """Measure; returns the exit code."""
    channel = Channel()
    request = msgspec.json.decode(read_regular(arguments[0]), type=Request)
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
    detector: Any = load_detector(
        request.source, sha256=request.sha256, device=request.device, batch_size=1
    ).detector
    place: str = detector.device
    torch = sys.modules.get("torch") if device_type(place) == "cuda" else None

    def settle() -> None:
        if torch is not None:
            torch.cuda.synchronize(place)

    says_model_time = hasattr(detector, "model_seconds")
    times: list[float] = []
    model_times: list[float] = []
    with exclusive(place):
        answers = _in_turn(detector, [Path(image) for image in request.images])
        for _ in request.images:
            settle()
            in_model = detector.model_seconds if says_model_time else 0.0
            started = time.perf_counter()
            answer = next(answers)
            settle()
            times.append(time.perf_counter() - started)
            if says_model_time:
                model_times.append(detector.model_seconds - in_model)
            if isinstance(answer.result, UnreadableImage):
                raise DetectorError(f"{answer.image}: cannot be read: {answer.result.reason}")
            if isinstance(answer.result, OutputNotFinite):
                raise DetectorError(
                    f"{answer.image}: the model gives NaN or infinity ({answer.result.output})"
                )
            channel.send(Message(finished=1))
        if device_type(place) == "cpu":
            peak = peak_resident_bytes()
        else:
            # What others than torch hold on a GPU, torch does not know.
            peak = (torch.cuda.max_memory_allocated(place) or None) if torch else None
    return Latency(
        times_ms=[seconds * 1000 for seconds in times[request.warm_up :]],
        model_ms=[seconds * 1000 for seconds in model_times[request.warm_up :]]
        if says_model_time
        else None,
        peak_bytes=peak,
        device=place,
        hardware=torch.cuda.get_device_name(place) if torch else None,
        model=detector.info,
    )


def _in_turn(detector: Any, images: Sequence[Path]) -> Iterator[Detected]:
    """One by one: nothing of an image is done before its time begins."""
    if hasattr(detector, "in_turn"):
        yield from detector.in_turn(images)
        return
    for image in images:
        yield from detector.detect([image])


def peak_resident_bytes() -> int | None:
    """The most memory that this process ever held; None where the system does not say."""
    # On Linux `ru_maxrss` of a process that was forked starts at what its parent held; this
    # does not.
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
