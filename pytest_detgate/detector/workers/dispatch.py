"""Distribution of images to workers that may die."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from pytest_detgate.counts import counted, with_count
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.messages import (
    BatchDetected,
    DetectBatch,
    Failed,
    Message,
    ModelLoaded,
    SentImage,
    unpack_result,
)
from pytest_detgate.errors import DetectorError

ATTEMPTS = 3
"""How many workers may die on the same batch, or one after the other while they load the model."""

# One batch in progress and one waiting, so that a worker need not wait for the next.
_DEPTH = 2


class ReceivedMessage(NamedTuple):
    """A message of a worker. Without a message it has died, or could not be started, for this
    `reason`."""

    worker: int
    message: Message | None
    reason: str = ""


class WorkerPool(Protocol):
    """Workers that can be started: processes of this machine, or actors of Ray."""

    def start(self) -> int:
        """Start a worker that loads the model and then sends `ModelLoaded`; return its number."""

    def send(self, worker: int, message: Message) -> None:
        """Send a message to a worker, which handles one after the other."""

    def receive(self) -> ReceivedMessage:
        """Wait for the next message of any worker."""

    def stop(self, worker: int) -> None:
        """End a worker; nothing more is received from it."""

    def image_to_send(self, image: Path) -> SentImage:
        """Return an image in the form that these workers need."""


@dataclass(slots=True)
class _WorkerState:
    is_ready: bool = False
    begun: deque[int] = field(default_factory=deque)
    """Numbers of the batches that it was sent and has not finished; it works on the first."""


@dataclass(slots=True)
class _Work:
    """The batches of one call that are not finished, by number."""

    batches: dict[int, Sequence[Path]] = field(default_factory=dict)
    waiting: deque[int] = field(default_factory=deque)
    """Numbers of the batches that no worker has."""
    deaths: dict[int, int] = field(default_factory=dict)
    """How many workers have died on each batch."""


class Dispatch:
    """Runs detection on at most `n_workers` workers of a pool, `batch` images at a time.

    If a worker dies, another replaces it and repeats the batch in progress; earlier results are
    not lost. An error that the model itself raises is not tried again.
    """

    def __init__(self, pool: WorkerPool, *, n_workers: int, batch: int) -> None:
        self._pool = pool
        self._n_workers = n_workers
        self._n_images = batch
        self._workers: dict[int, _WorkerState] = {}
        self._loaded: ModelLoaded | None = None
        self._died_loading = 0
        self._last_number = 0
        self.notes: list[str] = []
        """Notes for the reader: lost workers, and the notes of the others."""

    def wait_until_loaded(self) -> ModelLoaded:
        """Return the description of the model, as soon as one worker has loaded it."""
        try:
            while self._loaded is None:
                if not self._workers:
                    self._start_worker()
                self._receive(_Work())
        except BaseException:
            self.end()
            raise
        return self._loaded

    def detect(self, images: Sequence[Path]) -> Generator[Detected, None, None]:
        """Yield the detections on each image as soon as its batch is finished."""
        work = self._new_work(images)
        try:
            while work.batches:
                while len(self._workers) < min(self._n_workers, len(work.batches)):
                    self._start_worker()
                self._send_batches(work)
                finished = self._receive(work)
                if finished is not None:
                    batch = work.batches.pop(finished.number)
                    for image, result in zip(batch, finished.results, strict=True):
                        yield unpack_result(image, result)
        finally:  # also if the caller stops early: nobody would read these results
            for number in [assigned for assigned, worker in self._workers.items() if worker.begun]:
                self._stop_worker(number)

    def end(self) -> None:
        """End all workers."""
        for number in list(self._workers):
            self._stop_worker(number)

    def _new_work(self, images: Sequence[Path]) -> _Work:
        parts = [
            images[start : start + self._n_images]
            for start in range(0, len(images), self._n_images)
        ]
        batches = dict(enumerate(parts, start=self._last_number + 1))
        self._last_number += len(batches)
        return _Work(batches, deque(batches), dict.fromkeys(batches, 0))

    def _start_worker(self) -> None:
        self._workers[self._pool.start()] = _WorkerState()

    def _stop_worker(self, number: int) -> None:
        del self._workers[number]
        self._pool.stop(number)

    def _send_batches(self, work: _Work) -> None:
        """Send waiting batches to the workers that may take another one."""
        ready = {number: worker for number, worker in self._workers.items() if worker.is_ready}
        for depth in range(1, _DEPTH + 1):
            for number, worker in ready.items():
                if work.waiting and len(worker.begun) < depth and self._may_take(worker, work):
                    self._send_batch(number, worker, work)

    def _may_take(self, worker: _WorkerState, work: _Work) -> bool:
        """Return whether a worker may take the next batch beside those that it has."""
        if not worker.begun:
            return True
        # A batch that workers have died on goes alone, so that the cause of a death is known.
        is_suspect = work.deaths[work.waiting[0]] or work.deaths[worker.begun[0]]
        # Towards the end no batch waits at one worker while another is free.
        is_needed_elsewhere = len(work.waiting) < len(self._workers)
        return not is_suspect and not is_needed_elsewhere

    def _send_batch(self, number: int, worker: _WorkerState, work: _Work) -> None:
        batch = work.waiting.popleft()
        worker.begun.append(batch)
        images = tuple(self._pool.image_to_send(image) for image in work.batches[batch])
        self._pool.send(number, DetectBatch(number=batch, images=images))

    def _receive(self, work: _Work) -> BatchDetected | None:
        """Wait for a message and handle it; return the results of a batch, if these it was."""
        number, message, reason = self._pool.receive()
        worker = self._workers.get(number)
        if worker is None:
            return None
        match message:
            case Failed():
                if worker.begun:
                    worker.begun.popleft()
                raise DetectorError(message.error)
            case ModelLoaded():
                self._require_same_model(message)
                self._died_loading = 0
                worker.is_ready = True
            case BatchDetected():
                worker.begun.remove(message.number)
                self.notes += [note for note in message.notes if note not in self.notes]
                return message
            case _:
                self._stop_worker(number)
                self._replace(worker, reason, work)
        return None

    def _replace(self, worker: _WorkerState, reason: str, work: _Work) -> None:
        """Let others do the batches of a worker that has died, unless too many have died."""
        if not worker.is_ready:
            self._died_loading += 1
            if self._died_loading >= ATTEMPTS:
                raise DetectorError(
                    f"{ATTEMPTS} workers were lost before they had loaded the model, the last: "
                    f"{reason}"
                )
            return
        n_repeated = 0
        if worker.begun:
            batch = worker.begun[0]
            images = work.batches[batch]
            n_repeated = len(images)
            work.deaths[batch] += 1
            if work.deaths[batch] >= ATTEMPTS:
                names = first_names(map(str, images), 10)
                raise DetectorError(
                    f"{ATTEMPTS} workers died on the same {counted(len(images), 'image')}, "
                    f"{names}; the last: {reason}"
                )
            work.waiting.extendleft(reversed(worker.begun))
        self.notes.append(
            f"a worker was lost ({reason}); {with_count(n_repeated, 'images were done again')}"
        )

    def _require_same_model(self, loaded: ModelLoaded) -> None:
        if self._loaded is None:
            self._loaded = loaded
        first = self._loaded
        if _identity(loaded) == _identity(first):
            return
        differences = [
            f"{name} {first.versions.get(name) or 'none'} and {version or 'none'}"
            for name, version in loaded.versions.items()
            if first.versions.get(name) != version
        ]
        raise DetectorError(
            "the workers do not load the same model: "
            f"{', '.join(differences) or 'the code that it is built from differs'}"
        )


def _identity(loaded: ModelLoaded) -> tuple[str, str]:
    """What must be the same in all workers: the key of the model and the type of device."""
    return loaded.info.key, device_type(loaded.device)
