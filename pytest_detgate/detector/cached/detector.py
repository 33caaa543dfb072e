"""A detector that infers no image twice.

Imports a framework only when something has to be inferred.
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

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digest, file_digests, signature
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.detections import ImageDetections, ModelInfo, UnreadableImage
from pytest_detgate.detector.cached.detections import CachedDetections
from pytest_detgate.detector.cached.model_facts import add_info, load_info
from pytest_detgate.detector.cached.pending import DetectionRun, PendingImages
from pytest_detgate.detector.devices import check_device, exclusive
from pytest_detgate.detector.latency.timing import LatencyMeasurement, measure_latency
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.protocol import Detected, Detector, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.detector.workers.start import start_detector
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress
from pytest_detgate.regular_file import sha256_of_file

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["CachedDetector", "DetectionRun", "ModelSource"]

_POLL_SECONDS = 2.0


class CachedDetector:
    """The detector of `source`, which infers only what the cache does not have.

    `cache_dir` is the folder of the cache; `device` is `auto`, `cpu`, `cuda` or `cuda:N`. Without
    `batch_size` that of the configuration is used. `plan` says which processes or machines run
    it. `run` names the run of this process: its processes share detections that later runs cannot
    use.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        cache_dir: Path,
        device: str,
        progress: Progress,
        batch_size: int | None = None,
        plan: RunPlan = IN_THIS_PROCESS,
        run: str = "",
    ) -> None:
        self._source = source
        self._cache = Cache(cache_dir / CACHE_FILE)
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
        """Return the digest of the checkpoint, which is not loaded; without one, of the code."""
        if self._source.checkpoint is None:
            return self.info().sha256
        return self._identity()

    def info(self) -> ModelInfo:
        """Return the description of the model: from the cache, else by loading it."""
        if self._info is None:
            self._info = self._cached_info() or self.detector().info
        return self._info

    def _cached_info(self) -> ModelInfo | None:
        return load_info(
            self._cache,
            self._source,
            self._identity(),
            configured=self._configured,
            run=self._run,
        )

    @cached_property
    def _configured(self) -> str | None:
        """The digest of the configuration as it is in this run."""
        return framework(self._source.framework).configured(self._source)

    def detector(self) -> Detector:
        """Load the model, once."""
        if self._detector is None:
            self._detector = self._load()
            self._info = self._detector.info
        return self._detector

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the reader: failures of the cache, lost workers, memory that ran out, and why
        detections are not cached."""
        return (*self._cache.notes, *getattr(self._detector, "notes", ()), *self._uncached)

    def detect(self, images: Sequence[Path]) -> DetectionRun:
        """Return the detections on every image, inferring only those that are not cached."""
        with contextlib.ExitStack() as stack:
            if self._info is None:
                self._info = self._cached_info()
            if self._info is None:
                # The process that loads the model first infers first; the others need not load it.
                stack.enter_context(self._exclusive(PendingImages()))
            return self._detect(images)

    def infer(self, images: Sequence[Path]) -> dict[Path, Detected]:
        """Infer on every image now, without reading from or writing to the cache."""
        detector = self.detector()
        with (
            exclusive(detector.device),
            self._progress.task("detecting", len(images), "images") as advance,
        ):
            by_image = {}
            for detected in detector.detect(images):
                by_image[detected.image] = detected
                advance(1)
            return by_image

    def latency(self, images: Sequence[Path], warm_up: int) -> LatencyMeasurement:
        """Time the model on each image after `warm_up` of them, in a separate process."""
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
        digests = file_digests(images, self._cache, self._progress)
        key = ""
        while key != self.info().key:  # loading may find that the project's code has changed
            key = self.info().key
            pending = PendingImages()
            for path, digest in digests.items():
                if isinstance(digest, UnreadableImage):
                    pending.failed[path] = digest
                else:
                    pending.digest[path] = digest
            self._load_cached(key, pending)
            if pending.missing():
                with self._exclusive(pending):
                    self._load_cached(key, pending)
                    if pending.missing() and self.detector().info.key == key:
                        self._infer(self.detector(), pending)
        return pending.result(images, self.notes)

    def _load_cached(self, key: str, pending: PendingImages) -> None:
        cached = CachedDetections(self._cache, key, self._run)
        cached.load(pending, self._device, len(self.info().classes))

    def _infer(self, detector: Detector, pending: PendingImages) -> None:
        cached = CachedDetections(self._cache, detector.info.key, self._run)
        n_missing = len(pending.missing())
        with (
            contextlib.ExitStack() as cleanup,
            exclusive(detector.device),
            self._progress.task("detecting", n_missing, "images") as advance,
        ):
            cleanup.callback(lambda: cached.write(detector.device))
            cleanup.callback(lambda: self._uncached.update(cached.notes))
            # A second pass is needed only for images that shared their content with one that has
            # changed in the meantime or could not be read.
            while missing := pending.missing():
                for detected in detector.detect(list(missing.values())):
                    image, sha256, result = detected
                    advance(1)
                    if not isinstance(result, ImageDetections):
                        # Not cached: the next run tries again.
                        pending.failed[image] = result
                        continue
                    if sha256 != pending.digest[image]:
                        _require_content(image, sha256)
                    pending.add_inferred(image, sha256, result, detector.device)
                    cached.add(detected, sha256, result, detector.device)

    @contextlib.contextmanager
    def _exclusive(self, pending: PendingImages) -> Iterator[None]:
        """Hold the lock of this checkpoint. While another process holds it, load its detections.

        The process that holds the lock may enter again.
        """
        from filelock import Timeout

        lock = self._lock()
        try:
            self._cache.path.parent.mkdir(parents=True, exist_ok=True)  # filelock 3.12 does not
            lock.acquire(timeout=0)
        except Timeout:
            self._wait(lock, pending)
        except (OSError, NotImplementedError):
            pass  # no place for a lock, so none for the cache: its notes say so
        try:
            yield
        finally:
            lock.release()

    def _lock(self) -> BaseFileLock:
        from filelock import FileLock

        if self._file_lock is None:
            name = f"{(self._identity() or self._entry_digest())[:16]}.lock"
            self._file_lock = FileLock(self._cache.path.with_name(name))
        return self._file_lock

    def _wait(self, lock: BaseFileLock, pending: PendingImages) -> None:
        from filelock import Timeout

        n_missing = len(pending.missing())
        with self._progress.task("another gate is detecting", n_missing, "images") as advance:
            while True:
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=_POLL_SECONDS)
                    return
                if self._info is None or not n_missing:
                    continue
                self._load_cached(self._info.key, pending)
                advance(n_missing - len(pending.missing()))
                n_missing = len(pending.missing())
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
        add_info(
            self._cache,
            self._source,
            identity,
            loaded,
            loaded_after_ns=started,
            configured=configured,
            run=self._run,
        )
        return loaded.detector

    def _identity(self) -> str:
        """Return the digest of the checkpoint; empty without one."""
        checkpoint = self._source.checkpoint
        if checkpoint is None:
            return ""
        require_checkpoint(checkpoint)
        try:
            return file_digest(checkpoint, self._cache)
        except OSError as error:
            raise DetectorError(f"{checkpoint}: cannot be read: {error}") from error

    def _entry_digest(self) -> str:
        return hashlib.sha256(self._source.name.encode()).hexdigest()


def _require_content(image: Path, sha256: str) -> None:
    """Raise unless the file has this content now.

    An image may have changed since it was hashed. A wrong digest would assign the detections to
    other content.
    """
    try:
        current = sha256_of_file(image)
    except OSError:
        current = ""
    if current != sha256:
        raise DetectorError(
            f"{image}: the sha256 of the detector is not that of the file: either the file changes "
            "all the time, or the detector returns a wrong sha256"
        )
