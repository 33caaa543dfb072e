"""Workers on the machines of a Ray cluster. Imported only by the process that speaks with Ray."""

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

from pytest_detgate.detector.workers.dispatch import Heard
from pytest_detgate.detector.workers.messages import (
    Message,
    Order,
    RayOrder,
    SentImage,
    decode,
    encode,
)
from pytest_detgate.detector.workers.model_bundle import pack
from pytest_detgate.detector.workers.ray_actor import RayWorker
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular

_RAISED = re.compile(r"\w+(Error|Exception): ")
_KNOCK_SECONDS = 5.0
_CONNECT_SECONDS = 30.0
_LEAVE_SECONDS = 2.0
_START_SECONDS = 600.0
"""How long a worker may take to be had: a cluster may have to start a machine for it."""


def connect(address: str | None, *, n_cpus: int, give_up: Callable[[str], None]) -> Any:
    """Join the Ray cluster at an address, or start one on this machine; returns Ray itself.

    `give_up` is called, from another thread, where what is at that address does not answer.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        # Ray listens on every network: without its password for this run nobody is let in.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        options |= {"address": "local", "num_cpus": n_cpus, "include_dashboard": False}
    else:
        _knock(address)
        options["address"] = address
    what = f"address = {address!r} under [run]" if address else "Ray"
    timer = threading.Timer(
        _CONNECT_SECONDS + (30 if address is None else 0),
        lambda: give_up(f"{what}: it does not answer as Ray does"),
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


def _knock(address: str) -> None:
    """Ray itself takes minutes to find that nobody is there."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or "//" in host:
        raise DetectorError(
            f"address = {address!r} under [run]: write host:port, as ray start prints it, or auto "
            "for the cluster that this machine is part of"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise DetectorError(
            f"address = {address!r} under [run]: nobody answers there: {error}"
        ) from error


@contextlib.contextmanager
def _silence() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class RayCrew:
    """Actors. Ray restarts none of them and repeats nothing: `Dispatch` does."""

    def __init__(self, ray: Any, request: RayOrder, order: Order, *, on_gpu: bool) -> None:
        self._ray = ray
        self._shared_files = request.shared_files
        gpus = request.gpus_per_worker if on_gpu else 0
        # Ray gives a worker the GPUs that are its own, and numbers them from 0.
        device = "cuda:0" if on_gpu else "cpu"
        order = msgspec.structs.replace(
            order, device=device, verify=True, holds_gpu=on_gpu and gpus >= 1
        )
        self._order = encode(order)
        parcel = None if request.shared_files else pack(order.source, order.sha256)
        self._parcel = None if parcel is None else ray.put(parcel)
        n_cpus = 1 if on_gpu else order.source.threads or 1
        self._needs = {"num_cpus": n_cpus, "num_gpus": gpus}
        self._kind = ray.remote(max_restarts=0, max_task_retries=0, **self._needs)(RayWorker)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}
        self._working: set[Any] = set()
        """Those of the pending answers that a worker has a batch for."""
        self._n_hired = 0

    def room(self) -> int:
        """How many workers the whole cluster has room for."""
        has = self._ray.cluster_resources()
        rooms = [has.get("CPU", 0) / self._needs["num_cpus"]]
        if self._needs["num_gpus"]:
            rooms.append(has.get("GPU", 0) / self._needs["num_gpus"])
        return int(min(rooms) + 1e-6)

    def hire(self) -> int:
        self._n_hired += 1
        actor = self._kind.remote()
        self._actors[self._n_hired] = actor
        self._pending[actor.load.remote(self._order, self._parcel)] = self._n_hired
        return self._n_hired

    def send(self, worker: int, message: Message) -> None:
        asked = self._actors[worker].look.remote(encode(message))
        self._pending[asked] = worker
        self._working.add(asked)

    def listen(self) -> Heard:
        # The first that was asked is the first that is looked at: a worker that dies has its
        # oldest batch reported first.
        while True:
            asked = list(self._pending)
            ready, _ = self._ray.wait(asked, num_returns=1, timeout=_START_SECONDS)
            if ready:
                break
            if not self._working:
                raise DetectorError(
                    f"no worker of Ray could be had for {_START_SECONDS / 60:.0f} minutes; each "
                    f"needs {self._needs}, and the cluster has {self._ray.available_resources()}"
                )
        self._working.discard(ready[0])
        worker = self._pending.pop(ready[0])
        try:
            return Heard(worker, decode(self._ray.get(ready[0])))
        except self._ray.exceptions.RayError as error:
            return Heard(worker, None, _why(error))

    def dismiss(self, worker: int) -> None:
        actor = self._actors.pop(worker)
        if worker not in self._pending.values():  # it has time to tidy up
            self._ray.wait([actor.leave.remote()], timeout=_LEAVE_SECONDS)
        self._pending = {one: who for one, who in self._pending.items() if who != worker}
        self._working &= set(self._pending)
        self._ray.kill(actor)

    def sent(self, image: Path) -> SentImage:
        if self._shared_files:
            return SentImage(path=str(image))
        try:
            return SentImage(path=str(image), content=read_regular(image))
        except OSError as error:
            return SentImage(path=str(image), problem=error.strerror or str(error))


def _why(error: Exception) -> str:
    """The one line of Ray's many that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    died = [line for line in lines if "died" in line.lower() or "dead" in line.lower()]
    text = (raised or died or lines or [type(error).__name__])[-1]
    return text.partition(" Some common causes")[0][:300]
