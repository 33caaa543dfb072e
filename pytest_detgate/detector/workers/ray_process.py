"""The process that runs Ray, so that a failure of Ray does not end pytest.

Run as `python -m pytest_detgate.detector.workers.ray_process`. It reads messages from the standard
input and replies on the standard output. It ends, and its workers with it, when its input does.
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

from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.workers.dispatch import Dispatch
from pytest_detgate.detector.workers.local import by_size
from pytest_detgate.detector.workers.messages import (
    DetectImages,
    Failed,
    Finished,
    ImagesDetected,
    LoadModel,
    Message,
    StartRay,
    pack_result,
    read_message,
    write_message,
)
from pytest_detgate.detector.workers.pipes import take_over_stdio
from pytest_detgate.detector.workers.ray_pool import RayPool, connect
from pytest_detgate.errors import DetectorError

# Idle workers are ended after this time: another gate may be waiting for their resources.
_IDLE_SECONDS = 5.0
_BATCH = 8
_BATCH_ON_GPU = 64


def main() -> int:
    """Reply until there are no more messages; return the exit code."""
    requests, replies = take_over_stdio()
    first = read_message(requests)
    if not isinstance(first, StartRay):
        return 1
    server = _Server(first, replies)
    threading.Thread(target=server.read, args=(requests,), daemon=True).start()
    try:
        server.serve()
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    except DetectorError as error:
        write_message(replies, Failed(error=str(error)))
        return 1
    except Exception as error:  # errors of Ray itself
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        write_message(replies, Failed(error=f"Ray: {type(error).__name__}: {lines[0]}"))
        return 1
    return 0


class _Server:
    """Starts workers on Ray and has them detect on the requested images."""

    def __init__(self, request: StartRay, replies: IO[bytes]) -> None:
        self._request = request
        self._replies = replies
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._is_busy = threading.Event()
        self._is_busy.set()

    def read(self, requests: IO[bytes]) -> None:
        """Put all requests into a queue; at their end, interrupt what is in progress."""
        with contextlib.suppress(OSError, ValueError):
            while (message := read_message(requests)) is not None:
                self._messages.put(message)
        self._messages.put(None)
        # The gate has ended, or needs no more results: nothing may outlive it.
        if self._is_busy.is_set():
            _thread.interrupt_main()

    def serve(self) -> None:
        """Connect to Ray, load the model, and handle requests until there are no more."""
        request = self._request
        source = request.load.source
        threads = source.threads or _default_threads(source.framework)
        n_cpus = _cores(threads, request.workers)
        ray: Any = connect(request.address, n_cpus=n_cpus, give_up=self._give_up)
        try:
            on_gpu = _is_on_gpu(request.load.device, ray.cluster_resources().get("GPU", 0))
            load = request.load if on_gpu else _with_threads(request.load, threads)
            pool = RayPool(ray, request, load, on_gpu=on_gpu)
            capacity = pool.capacity()
            if not capacity and request.address is None:
                raise DetectorError("this machine does not have the resources for one Ray worker")
            dispatch = Dispatch(
                pool,
                n_workers=request.workers or max(capacity, 1),
                batch=request.batch or (_BATCH_ON_GPU if on_gpu else _BATCH),
            )
            loaded = dispatch.wait_until_loaded()
            self._reply(msgspec.structs.replace(loaded, device=device_type(loaded.device)))
            while (message := self._next_request(dispatch)) is not None:
                self._detect(dispatch, message, on_gpu=on_gpu)
        finally:
            self._is_busy.clear()
            with contextlib.suppress(Exception):
                ray.shutdown()

    def _next_request(self, dispatch: Dispatch) -> DetectImages | None:
        """Wait for a request, in the end without workers; None when there are no more."""
        self._is_busy.clear()
        try:
            message = self._messages.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            dispatch.end()
            message = self._messages.get()
        if message is None:
            dispatch.end()
            return None
        assert isinstance(message, DetectImages)
        self._is_busy.set()
        return message

    def _detect(self, dispatch: Dispatch, message: DetectImages, *, on_gpu: bool) -> None:
        images = [Path(path) for path in message.paths]
        try:
            for detected in dispatch.detect(by_size(images) if on_gpu else images):
                self._reply(ImagesDetected(results={str(detected.image): pack_result(detected)}))
        except DetectorError as error:  # on these images; others may be requested
            self._reply(Failed(error=str(error)))
        else:
            self._reply(Finished(notes=tuple(dispatch.notes)))

    def _reply(self, message: Message) -> None:
        write_message(self._replies, message)

    def _give_up(self, error: str) -> None:
        self._reply(Failed(error=error))
        os._exit(1)


def _with_threads(load: LoadModel, threads: int) -> LoadModel:
    return msgspec.structs.replace(load, source=dataclasses.replace(load.source, threads=threads))


def _is_on_gpu(requested: str, n_gpus: float) -> bool:
    if requested.startswith("cuda:"):
        raise DetectorError(
            f'device {requested!r}: with engine = "ray", Ray chooses the GPU; ask for cuda'
        )
    if requested == "cuda" and not n_gpus:
        raise DetectorError("device 'cuda': the Ray cluster has no GPU")
    return requested != "cpu" and n_gpus > 0


def _default_threads(framework: str) -> int:
    """Return the threads that a model of the local engine uses, so that it adds in the same
    order."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if framework != "onnx":
        with contextlib.suppress(Exception):  # loading the model reports a broken torch
            import torch

            return int(torch.get_num_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _cores(threads: int, workers: int | None) -> int:
    """Return the cores that a local Ray may use: all, or more if more workers are requested."""
    return max(os.cpu_count() or 1, threads * (workers or 1))


if __name__ == "__main__":
    sys.exit(main())
