"""Workers on the machines of a Ray cluster. Only the Ray process imports this module."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import socket
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.changed.rendering import FOLDER_PREFIX
from pytest_detgate.detector.workers.dispatch import ReceivedMessage
from pytest_detgate.detector.workers.messages import (
    LoadModel,
    Message,
    SentImage,
    StartRay,
    decode,
    encode,
)
from pytest_detgate.detector.workers.model_bundle import pack_model
from pytest_detgate.detector.workers.ray_actor import RayActor
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular

_RAISED = re.compile(r"\w+(Error|Exception): ")
_PORT_SECONDS = 5.0
_CONNECT_SECONDS = 30.0
_CLEAN_UP_SECONDS = 2.0
_START_SECONDS = 600.0
"""Time for a worker to start: a cluster may have to start a machine for it."""


def connect(address: str | None, *, n_cpus: int, give_up: Callable[[str], None]) -> Any:
    """Join the Ray cluster at an address, or start one on this machine; returns Ray itself.

    `give_up` is called, from another thread, if the address does not reply as Ray does.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        # Ray listens on every network: a password for this run keeps others out.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        options |= {"address": "local", "num_cpus": n_cpus, "include_dashboard": False}
    else:
        _require_open_port(address)
        options["address"] = address
    what = f"address = {address!r} under [run]" if address else "Ray"
    timer = threading.Timer(
        _CONNECT_SECONDS + (30 if address is None else 0),
        lambda: give_up(f"{what}: it does not reply as Ray does"),
    )
    timer.daemon = True
    timer.start()
    try:
        with _silence():
            import ray

            ray.init(**options)
    except ModuleNotFoundError as error:
        raise DetectorError(
            f'{error.name} is not installed, and engine = "ray" under [run] needs it: '
            "pip install 'pytest-detgate[ray]'"
        ) from error
    except (Exception, SystemExit) as error:  # it exits where it gives up
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DetectorError(f"{what}: {lines[0]}") from error
    finally:
        timer.cancel()
    return ray


def _require_open_port(address: str) -> None:
    """Raise if nothing listens at an address; Ray itself takes minutes to find that out."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or "//" in host:
        raise DetectorError(
            f"address = {address!r} under [run]: write host:port, as ray start prints it, or auto "
            "for the cluster that this machine is part of"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PORT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise DetectorError(
            f"address = {address!r} under [run]: nothing listens there: {error}"
        ) from error


@contextlib.contextmanager
def _silence() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class RayPool:
    """Actors. Ray restarts none of them and repeats nothing: `Dispatch` does."""

    def __init__(self, ray: Any, request: StartRay, load: LoadModel, *, on_gpu: bool) -> None:
        self._ray = ray
        self._shared_files = request.shared_files
        gpus = request.gpus_per_worker if on_gpu else 0
        # Each worker sees only its own GPUs, numbered from 0.
        device = "cuda:0" if on_gpu else "cpu"
        load = msgspec.structs.replace(
            load, device=device, verify=True, holds_gpu=on_gpu and gpus >= 1
        )
        self._load = encode(load)
        bundle = None if request.shared_files else pack_model(load.source, load.sha256)
        self._bundle = None if bundle is None else ray.put(bundle)
        n_cpus = 1 if on_gpu else load.source.threads or 1
        self._needs = {"num_cpus": n_cpus, "num_gpus": gpus}
        self._actor_class = ray.remote(max_restarts=0, max_task_retries=0, **self._needs)(RayActor)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}
        self._working: set[Any] = set()
        """The pending replies to batches."""
        self._n_started = 0

    def capacity(self) -> int:
        """Return how many workers the whole cluster has resources for."""
        total = self._ray.cluster_resources()
        limits = [total.get("CPU", 0) / self._needs["num_cpus"]]
        if self._needs["num_gpus"]:
            limits.append(total.get("GPU", 0) / self._needs["num_gpus"])
        return int(min(limits) + 1e-6)

    def start(self) -> int:
        self._n_started += 1
        actor = self._actor_class.remote()
        self._actors[self._n_started] = actor
        self._pending[actor.load.remote(self._load, self._bundle)] = self._n_started
        return self._n_started

    def send(self, worker: int, message: Message) -> None:
        reply = self._actors[worker].detect.remote(encode(message))
        self._pending[reply] = worker
        self._working.add(reply)

    def receive(self) -> ReceivedMessage:
        # Replies are awaited in the order of the requests: the oldest batch of a worker that dies
        # is reported first.
        while True:
            pending = list(self._pending)
            ready, _ = self._ray.wait(pending, num_returns=1, timeout=_START_SECONDS)
            if ready:
                break
            if not self._working:
                raise DetectorError(
                    f"no Ray worker could be started for {_START_SECONDS / 60:.0f} minutes; each "
                    f"needs {self._needs}, and the cluster has {self._ray.available_resources()}"
                )
        self._working.discard(ready[0])
        worker = self._pending.pop(ready[0])
        try:
            return ReceivedMessage(worker, decode(self._ray.get(ready[0])))
        except self._ray.exceptions.RayError as error:
            return ReceivedMessage(worker, None, _reason(error))

    def stop(self, worker: int) -> None:
        actor = self._actors.pop(worker)
        if worker not in self._pending.values():  # it is idle and can clean up
            self._ray.wait([actor.clean_up.remote()], timeout=_CLEAN_UP_SECONDS)
        self._pending = {
            reply: number for reply, number in self._pending.items() if number != worker
        }
        self._working &= set(self._pending)
        self._ray.kill(actor)

    def image_to_send(self, image: Path) -> SentImage:
        # A changed image is in a folder of this machine alone.
        is_shared = self._shared_files and not any(
            part.startswith(FOLDER_PREFIX) for part in image.parts
        )
        if is_shared:
            return SentImage(path=str(image))
        try:
            return SentImage(path=str(image), content=read_regular(image))
        except OSError as error:
            return SentImage(path=str(image), problem=error.strerror or str(error))


def _reason(error: Exception) -> str:
    """Return the one line of Ray's message that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    died = [line for line in lines if "died" in line.lower() or "dead" in line.lower()]
    text = (raised or died or lines or [type(error).__name__])[-1]
    return text.partition(" Some common causes")[0][:300]
