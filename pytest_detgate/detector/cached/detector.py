"""A detector that never looks at the same image twice.

Imports no framework unless something has to be inferred.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.cache.digests import file_digest, file_digests, sha256_of, signature
from pytest_detgate.cache.sqlite_file import STORE_FILE
from pytest_detgate.cache.store import Store
from pytest_detgate.detections import ImageDetections, ModelInfo, UnreadableImage
from pytest_detgate.detector.cached.detections import CachedDetections
from pytest_detgate.detector.cached.model_facts import keep_info, kept_info
from pytest_detgate.detector.cached.run import DetectionRun, Wanted
from pytest_detgate.detector.devices import check_device, exclusive
from pytest_detgate.detector.latency.timing import Latency, measure_latency
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.protocol import Detected, Detector, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.detector.workers.start import start_detector
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["DetectionRun", "KeptDetector", "ModelSource"]

_LOOK_EVERY_SECONDS = 2.0


class KeptDetector:
    """The detector named by `source`, answering from `store` whatever it can.

    `store` is the folder of the store; `device` is `auto`, `cpu`, `cuda` or `cuda:N`. Without
    `batch_size` the configuration's own is used. `plan` says which processes or machines run it.
    `run` names the run that this process belongs to: what cannot be cached is shared within one.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        store: Path,
        device: str,
        progress: Progress,
        batch_size: int | None = None,
        plan: RunPlan = IN_THIS_PROCESS,
        run: str = "",
    ) -> None:
        self._source = source
        self._store = Store(store / STORE_FILE)
        self._device = check_device(device)
        self._progress = progress
        self._batch_size = batch_size
        self._plan = plan
        self._run = run
        self._info: ModelInfo | None = None
        self._detector: Detector | None = None
        self._file_lock: BaseFileLock | None = None
        self._uncached: dict[str, None] = {}

    def sha256(self) -> str:
        """The digest of the checkpoint, for which nothing is loaded; without one, of the code."""
        if self._source.checkpoint is None:
            return self.info().sha256
        return self._identity()

    def info(self) -> ModelInfo:
        """Describe the model: from what is kept, else by loading it."""
        if self._info is None:
            self._info = self._kept_info() or self.detector().info
        return self._info

    def _kept_info(self) -> ModelInfo | None:
        return kept_info(
            self._store,
            self._source,
            self._identity(),
            configured=self._configured,
            run=self._run,
        )

    @cached_property
    def _configured(self) -> str | None:
        """The digest of the configuration in this run."""
        return framework(self._source.framework).configured(self._source)

    def detector(self) -> Detector:
        """Load the model, once."""
        if self._detector is None:
            self._detector = self._load()
            self._info = self._detector.info
        return self._detector

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: of the store, of lost workers, of memory that ran out, and why
        detections are not cached."""
        return (*self._store.notes, *getattr(self._detector, "notes", ()), *self._uncached)

    def detect(self, images: Sequence[Path]) -> DetectionRun:
        """Return the detections on every image, inferring only what is not kept."""
        with contextlib.ExitStack() as held:
            if self._info is None:
                self._info = self._kept_info()
            if self._info is None:
                # Whoever loads the model first also infers first; the others need not load it.
                held.enter_context(self._alone(Wanted()))
            return self._detect(images)

    def infer(self, images: Sequence[Path]) -> dict[Path, Detected]:
        """Infer on every image now: no answer is taken from the store, and none is put there."""
        detector = self.detector()
        with (
            exclusive(detector.device),
            self._progress.task("detecting", len(images), "images") as advance,
        ):
            answers = {}
            for answer in detector.detect(images):
                answers[answer.image] = answer
                advance(1)
            return answers

    def latency(self, images: Sequence[Path], warm_up: int) -> Latency:
        """Time the model on each image after `warm_up` of them, in a process of its own."""
        timed = measure_latency(
            dataclasses.replace(self._source, threads=self._plan.threads),
            images,
            warm_up,
            sha256=self._identity(),
            device=self._device,
            progress=self._progress,
        )
        self._info = self._info or timed.model
        return timed

    def _detect(self, images: Sequence[Path]) -> DetectionRun:
        digests = file_digests(images, self._store, self._progress)
        key = ""
        while key != self.info().key:  # loading may find that the project's code has changed
            key = self.info().key
            wanted = Wanted()
            for path, answer in digests.items():
                if isinstance(answer, UnreadableImage):
                    wanted.unknown[path] = answer
                else:
                    wanted.digest[path] = answer
            self._look_up(key, wanted)
            if wanted.missing():
                with self._alone(wanted):
                    self._look_up(key, wanted)
                    if wanted.missing() and self.detector().info.key == key:
                        self._infer(self.detector(), wanted)
        return wanted.run(images, self.notes)

    def _look_up(self, key: str, wanted: Wanted) -> None:
        cached = CachedDetections(self._store, key, self._run)
        cached.take(wanted, self._device, len(self.info().classes))

    def _infer(self, detector: Detector, wanted: Wanted) -> None:
        cached = CachedDetections(self._store, detector.info.key, self._run)
        n_missing = len(wanted.missing())
        with (
            contextlib.ExitStack() as at_end,
            exclusive(detector.device),
            self._progress.task("detecting", n_missing, "images") as advance,
        ):
            at_end.callback(lambda: cached.write(detector.device))
            at_end.callback(lambda: self._uncached.update(cached.notes))
            # Repeats only for images that shared their content with one that has just changed or
            # could not be read.
            while missing := wanted.missing():
                for detected in detector.detect(list(missing.values())):
                    image, sha256, result = detected
                    advance(1)
                    if not isinstance(result, ImageDetections):
                        # Not kept: the next run looks again.
                        wanted.unknown[image] = result
                        continue
                    if sha256 != wanted.digest[image]:
                        _require_content(image, sha256)
                    wanted.take(image, sha256, result, detector.device)
                    cached.add(detected, sha256, result, detector.device)

    @contextlib.contextmanager
    def _alone(self, wanted: Wanted) -> Iterator[None]:
        """Keep other processes from inferring with this checkpoint; while they do, take what they
        find. May be entered again by the process that holds it."""
        from filelock import Timeout

        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._wait(lock, wanted)
        except (OSError, NotImplementedError):
            pass  # nowhere to put a lock, so nowhere to keep anything either: the store says so
        try:
            yield
        finally:
            lock.release()

    def _lock(self) -> BaseFileLock:
        from filelock import FileLock

        if self._file_lock is None:
            name = f"{(self._identity() or self._entry_digest())[:16]}.lock"
            self._file_lock = FileLock(self._store.path.with_name(name))
        return self._file_lock

    def _wait(self, lock: BaseFileLock, wanted: Wanted) -> None:
        from filelock import Timeout

        n_missing = len(wanted.missing())
        with self._progress.task("another gate is detecting", n_missing, "images") as advance:
            while True:
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=_LOOK_EVERY_SECONDS)
                    return
                if self._info is None or not n_missing:
                    continue
                self._look_up(self._info.key, wanted)
                advance(n_missing - len(wanted.missing()))
                n_missing = len(wanted.missing())
                if not n_missing:
                    return

    def _load(self) -> Detector:
        identity, configured = self._identity(), self._configured
        checkpoint = self._source.checkpoint
        before = None if checkpoint is None else signature(checkpoint)
        started = time.time_ns()
        with self._progress.task("loading the model", 1, "models") as advance:
            loaded = start_detector(
                self._source,
                sha256=identity,
                device=self._device,
                batch_size=self._batch_size,
                plan=self._plan,
            )
            advance(1)
        if checkpoint is not None and signature(checkpoint) != before:
            raise DetectorError(f"{checkpoint}: changed while it was being read")
        keep_info(
            self._store,
            self._source,
            identity,
            loaded,
            loaded_after_ns=started,
            configured=configured,
            run=self._run,
        )
        return loaded.detector

    def _identity(self) -> str:
        """The digest of the checkpoint; empty without one."""
        checkpoint = self._source.checkpoint
        if checkpoint is None:
            return ""
        require_checkpoint(checkpoint)
        try:
            return file_digest(checkpoint, self._store)
        except OSError as error:
            raise DetectorError(f"{checkpoint}: cannot be read: {error}") from error

    def _entry_digest(self) -> str:
        return hashlib.sha256(self._source.name.encode()).hexdigest()


def _require_content(image: Path, sha256: str) -> None:
    """An image may have changed since it was hashed. What is told of any other content would be
    taken for the answer to that."""
    try:
        held = sha256_of(image)
    except OSError:
        held = ""
    if held != sha256:
        raise DetectorError(
            f"{image}: the detector says that it looked at other content than the file holds; "
            "either that changes all the time, or the detector's sha256 is not that of the file"
        )
