"""The process that speaks with Ray, so that nothing that happens to Ray happens to pytest.

Run as `python -m pytest_detgate.detector.workers.ray_process`; takes messages from the standard
input and answers on the standard output. It ends, and its workers with it, when its input does.
"""

from __future__ import annotations

import _thread
import contextlib
import dataclasses
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, Any

import msgspec

from pytest_detgate.detector.workers import messages as wire
from pytest_detgate.detector.workers.alike import alike
from pytest_detgate.detector.workers.dispatch import Dispatch
from pytest_detgate.detector.workers.pipes import own_ends
from pytest_detgate.detector.workers.ray_pool import RayCrew, connect
from pytest_detgate.errors import DetectorError

# Workers that have nothing to do are given back so soon: another gate may be waiting for them.
_IDLE_SECONDS = 5.0
_BATCH = 8
_BATCH_ON_GPU = 64


def main() -> int:
    """Answer until there is nothing more to answer; returns the exit code."""
    asked, told = own_ends()
    messages: queue.SimpleQueue[wire.Message | None] = queue.SimpleQueue()
    first = wire.read(asked)
    if not isinstance(first, wire.RayOrder):
        return 1
    at_work = threading.Event()
    threading.Thread(target=_listen, args=(asked, messages, at_work), daemon=True).start()
    try:
        _serve(first, messages, told, at_work)
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        return 1
    except DetectorError as error:
        wire.write(told, wire.Failed(error=str(error)))
        return 1
    except Exception as error:  # Ray's own troubles
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        wire.write(told, wire.Failed(error=f"Ray: {type(error).__name__}: {lines[0]}"))
        return 1
    return 0


def _serve(
    request: wire.RayOrder,
    messages: queue.SimpleQueue[wire.Message | None],
    told: IO[bytes],
    at_work: threading.Event,
) -> None:
    def give_up(error: str) -> None:
        wire.write(told, wire.Failed(error=error))
        os._exit(1)

    source = request.order.source
    n_cpus = source.threads or _own_threads(source.framework)
    order = msgspec.structs.replace(
        request.order, source=dataclasses.replace(source, threads=n_cpus)
    )
    workers = request.workers
    at_work.set()
    ray: Any = connect(request.address, n_cpus=_cores(n_cpus, workers), give_up=give_up)
    try:
        on_gpu = _is_on_gpu(order.device, ray.cluster_resources().get("GPU", 0))
        if on_gpu:
            order = request.order
        crew = RayCrew(ray, request, order, on_gpu=on_gpu)
        room = crew.room()
        if not room and request.address is None:
            raise DetectorError("this machine has no room for one worker of Ray")
        dispatch = Dispatch(
            crew,
            n_workers=workers or max(room, 1),
            batch=request.batch or (_BATCH_ON_GPU if on_gpu else _BATCH),
        )
        described = dispatch.described()
        device = described.device.partition(":")[0]
        wire.write(told, msgspec.structs.replace(described, device=device))
        while True:
            at_work.clear()
            try:
                message = messages.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                dispatch.end()
                message = messages.get()
            if message is None:
                dispatch.end()
                return
            assert isinstance(message, wire.Images)
            at_work.set()
            try:
                images = [Path(path) for path in message.paths]
                for found in dispatch.detect(alike(images) if on_gpu else images):
                    answer = wire.packed(found)
                    wire.write(told, wire.Found(answers={str(found.image): answer}))
            except DetectorError as error:  # of these images; others may be asked for
                wire.write(told, wire.Failed(error=str(error)))
            else:
                wire.write(told, wire.Finished(notes=tuple(dispatch.notes)))
    finally:
        at_work.clear()
        with contextlib.suppress(Exception):
            ray.shutdown()


def _listen(
    asked: IO[bytes],
    messages: queue.SimpleQueue[wire.Message | None],
    at_work: threading.Event,
) -> None:
    message: wire.Message | None = None
    with contextlib.suppress(OSError, ValueError):
        while (message := wire.read(asked)) is not None:
            messages.put(message)
    messages.put(None)
    # The gate has gone, or has heard enough: it must not be outlived by what it had started.
    if at_work.is_set():
        _thread.interrupt_main()


def _is_on_gpu(requested: str, n_gpus: float) -> bool:
    if requested.startswith("cuda:"):
        raise DetectorError(
            f'device {requested!r}: with engine = "ray" it is Ray that says which GPU is used; '
            "ask for cuda"
        )
    if requested == "cuda" and not n_gpus:
        raise DetectorError("device 'cuda': the Ray cluster has no GPU")
    return requested != "cpu" and n_gpus > 0


def _own_threads(framework: str) -> int:
    """As many threads as the local engine's model has, so that it adds in the same order."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if framework != "onnx":
        with contextlib.suppress(Exception):  # whoever loads the model says what is wrong
            import torch

            return int(torch.get_num_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _cores(threads: int, workers: int | None) -> int:
    """What a Ray of our own may hand out: all cores, or more where more workers are asked for."""
    return max(os.cpu_count() or 1, threads * (workers or 1))


if __name__ == "__main__":
    sys.exit(main())
