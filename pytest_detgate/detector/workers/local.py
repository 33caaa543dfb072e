"""Worker processes of this machine: one for each GPU, or as many as are asked for on a CPU."""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import weakref
from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import device_type, exclusive_all
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.dispatch import Dispatch, Heard
from pytest_detgate.detector.workers.messages import Described, Message, Order, SentImage
from pytest_detgate.detector.workers.pipes import SpokenWith

_MODULE = "pytest_detgate.detector.workers.worker_process"
# What one worker does at a time, which a death of it costs. Starting to read ahead of a GPU takes
# a while, so that it is given more.
BATCH = {"cpu": 8, "cuda": 512}


class LocalCrew:
    """Processes of this machine, each on a device of its own."""

    def __init__(self, order: Order, devices: Sequence[str]) -> None:
        self._order = order
        self._free = list(devices)
        self._workers: dict[int, tuple[SpokenWith, str]] = {}
        self._heard: queue.SimpleQueue[tuple[int, Message | None]] = queue.SimpleQueue()
        self._n_hired = 0
        self._folder = Path(tempfile.mkdtemp(prefix="detgate-workers-"))

    def hire(self) -> int:
        self._n_hired += 1
        number, device = self._n_hired, self._free.pop(0)
        heard = self._heard
        worker = SpokenWith(
            _MODULE,
            (),
            device=device,
            log=self._folder / f"{number}.log",
            hear=lambda message: heard.put((number, message)),
        )
        self._workers[number] = (worker, device)
        worker.send(msgspec.structs.replace(self._order, device=device))
        return number

    def send(self, worker: int, message: Message) -> None:
        self._workers[worker][0].send(message)

    def listen(self) -> Heard:
        while True:
            number, message = self._heard.get()
            if number not in self._workers:
                continue
            reason = "" if message is not None else self._workers[number][0].ending()
            return Heard(number, message, reason)

    def dismiss(self, worker: int) -> None:
        process, device = self._workers.pop(worker)
        process.end()
        self._free.append(device)

    def sent(self, image: Path) -> SentImage:
        return SentImage(path=str(image.absolute()))

    def end(self) -> None:
        """End every worker, and remove what they wrote."""
        for worker in list(self._workers):
            self.dismiss(worker)
        shutil.rmtree(self._folder, ignore_errors=True)


class LocalWorkers:
    """A detector on several devices of this machine at once; it is started when it is made.

    `devices` may name one of them several times.
    """

    info: ModelInfo
    device: str

    def __init__(self, order: Order, devices: Sequence[str], *, batch: int | None) -> None:
        crew = LocalCrew(order, devices)
        self._end = weakref.finalize(self, crew.end)
        kind = device_type(devices[0])
        self._dispatch = Dispatch(crew, n_workers=len(devices), batch=batch or BATCH[kind])
        try:
            self.described: Described = self._dispatch.described()
        except BaseException:
            self._end()
            raise
        self.info = self.described.info
        self.device = kind
        self._devices = devices

    def detect(self, images: Sequence[Path]) -> Generator[Detected, None, None]:
        """Yield each image's detections as soon as its batch is done, in any order."""
        if self.device == "cuda":
            from pytest_detgate.detector.workers.alike import alike

            images = alike(images)
        with (
            exclusive_all(self._devices),
            contextlib.closing(self._dispatch.detect(images)) as found,
        ):
            yield from found

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: which workers were lost, and what the others say."""
        return tuple(self._dispatch.notes)

    def end(self) -> None:
        """End the workers."""
        self._end()
