"""Worker processes of this machine: one for each GPU, or as many as are requested on a CPU."""

from __future__ import annotations

import contextlib
import queue
import warnings
import weakref
from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.dataset.images.opening import image_size
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import device_type, exclusive_all
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.dispatch import Dispatch, ReceivedMessage
from pytest_detgate.detector.workers.messages import LoadModel, Message, ModelLoaded, SentImage
from pytest_detgate.detector.workers.pipes import PipedProcess
from pytest_detgate.temporary.folder import TemporaryFolder

_MODULE = "pytest_detgate.detector.workers.worker_process"
# Images of one batch, which are repeated when the worker dies. On a GPU it is larger, because
# starting the processes that read ahead takes a while.
BATCH = {"cpu": 8, "cuda": 512}


class LocalPool:
    """Processes of this machine, each on its own device."""

    def __init__(self, load: LoadModel, devices: Sequence[str]) -> None:
        self._load = load
        self._free = list(devices)
        self._workers: dict[int, tuple[PipedProcess, str]] = {}
        self._received: queue.SimpleQueue[tuple[int, Message | None]] = queue.SimpleQueue()
        self._n_started = 0
        self._folder = TemporaryFolder("workers")

    def start(self) -> int:
        self._n_started += 1
        number, device = self._n_started, self._free.pop(0)
        received = self._received
        worker = PipedProcess(
            _MODULE,
            (),
            device=device,
            log=self._folder.path / f"{number}.log",
            on_message=lambda message: received.put((number, message)),
        )
        self._workers[number] = (worker, device)
        worker.send(msgspec.structs.replace(self._load, device=device))
        return number

    def send(self, worker: int, message: Message) -> None:
        self._workers[worker][0].send(message)

    def receive(self) -> ReceivedMessage:
        while True:
            number, message = self._received.get()
            if number not in self._workers:
                continue
            reason = "" if message is not None else self._workers[number][0].exit_reason()
            return ReceivedMessage(number, message, reason)

    def stop(self, worker: int) -> None:
        process, device = self._workers.pop(worker)
        process.end()
        self._free.append(device)

    def image_to_send(self, image: Path) -> SentImage:
        return SentImage(path=str(image.absolute()))

    def end(self) -> None:
        """End every worker and remove the logs."""
        for worker in list(self._workers):
            self.stop(worker)
        self._folder.remove()


class LocalWorkers:
    """A detector on several devices of this machine; constructing it loads the model.

    `devices` may name a device several times.
    """

    info: ModelInfo
    device: str

    def __init__(self, load: LoadModel, devices: Sequence[str], *, batch: int | None) -> None:
        pool = LocalPool(load, devices)
        self._end = weakref.finalize(self, pool.end)
        n_images = batch or BATCH[device_type(devices[0])]
        self._dispatch = Dispatch(pool, n_workers=len(devices), batch=n_images)
        try:
            self.loaded: ModelLoaded = self._dispatch.wait_until_loaded()
        except BaseException:
            self._end()
            raise
        self.info = self.loaded.info
        self.device = device_type(self.loaded.device)
        # One worker may have chosen its device itself.
        self._devices = devices if len(devices) > 1 else [self.loaded.device]

    def detect(self, images: Sequence[Path]) -> Generator[Detected, None, None]:
        """Yield each image's detections as soon as its batch is done, in any order."""
        if self.device == "cuda":
            images = by_size(images)
        with (
            exclusive_all(self._devices),
            contextlib.closing(self._dispatch.detect(images)) as detected,
        ):
            yield from detected

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the reader: lost workers, and the notes of the others."""
        return tuple(self._dispatch.notes)

    def end(self) -> None:
        """End the workers."""
        self._end()


def by_size(images: Sequence[Path]) -> list[Path]:
    """Sort images so that those of one size are next to each other.

    Only images of one shape go through a model together; on a GPU a batch of many sizes is mostly
    filled with repetitions. Only the header of each file is read.
    """

    def size(image: Path) -> tuple[int, int]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A damaged image is reported where it is decoded.
            return image_size(str(image), ImageOptions()) or (0, 0)

    return sorted(images, key=size)
