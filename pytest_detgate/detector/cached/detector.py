"""A detector that infers no image twice.

Imports a framework only when something has to be inferred.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digest, file_digests, signature
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo, UnreadableImage
from pytest_detgate.detector.cached.comparison import ImageChoice, choose_images, compare
from pytest_detgate.detector.cached.detections import CachedDetections, ComparedImages
from pytest_detgate.detector.cached.inference import infer_missing
from pytest_detgate.detector.cached.inference_lock import InferenceLock
from pytest_detgate.detector.cached.model_facts import add_info, load_info
from pytest_detgate.detector.cached.pending import DetectionRun, PendingImages
from pytest_detgate.detector.changed.view import AS_THEY_ARE, ChangedImages, ImageView
from pytest_detgate.detector.devices import check_device, exclusive
from pytest_detgate.detector.latency.timing import LatencyMeasurement, measure_latency
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.protocol import Detected, Detector, ModelSource
from pytest_detgate.detector.registry import framework, is_registered
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.detector.workers.start import start_detector
from pytest_detgate.errors import DetectorError
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.progress import Progress

__all__ = ["CachedDetector", "DetectionRun", "ModelSource"]


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
        self._lock = InferenceLock(self._lock_path, progress)
        self._compared = ComparedImages(self._cache, run)
        self._uncached: dict[str, None] = {}
        self.has_dropped = False
        """Whether cached detections were dropped, so that those returned before are not valid."""

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

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory: with all detections cached it never is."""
        return self._detector is not None

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

    def detect(
        self, images: Sequence[Path], datasets: Sequence[Sequence[Path]] = ()
    ) -> DetectionRun:
        """Return the detections on every image, inferring only those that are not cached.

        `datasets` are the images by split and probe: if code of the project is part of the model,
        cached detections of each are compared with those of the model before they are used.
        """
        with contextlib.ExitStack() as stack:
            self._info = self._info or self._cached_info()
            if self._info is None:
                # The process that loads the model first infers first; the others need not load it.
                stack.enter_context(self._lock.hold(0, None))
            return self._detect(images, datasets or [images])

    def detect_changed(
        self, images: Sequence[Path], change: ImageChange, options: ImageOptions
    ) -> DetectionRun:
        """Return what is detected on every image after a change of it, with boxes on the original.

        The originals were detected before: their cached detections were then compared with those
        of the model, and if they are not valid, those on changed images were dropped with them.
        """
        return self._detect(images, (), ChangedImages(change, options))

    def infer(self, images: Sequence[Path], view: ImageView = AS_THEY_ARE) -> dict[Path, Detected]:
        """Infer on every image now, without reading from or writing to the cache."""
        detector = view.detector(self.detector())
        with (
            exclusive(detector.device, self._progress),
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

    def _detect(
        self,
        images: Sequence[Path],
        datasets: Sequence[Sequence[Path]],
        view: ImageView = AS_THEY_ARE,
    ) -> DetectionRun:
        digests = view.digests(file_digests(images, self._cache, self._progress))
        key = ""
        while key != self.info().key:  # loading may find that the project's code has changed
            key = self.info().key
            pending, comparison = self._pending(key, digests, datasets)
            if not pending.missing() and not comparison:
                break
            load = None if self._is_compared else functools.partial(self._load_cached, key, pending)
            with self._lock.hold(len(pending.missing()), load):
                # Another process may have found meanwhile that cached detections are not valid.
                pending, comparison = self._pending(key, digests, datasets)
                if not pending.missing() and not comparison:
                    break
                if self.detector().info.key == key:
                    is_repeatable = self._compare(self.detector(), pending, comparison)
                    self._infer(pending, view, is_distrusted=not is_repeatable)
        return pending.result(images, self.notes)

    def _pending(
        self,
        key: str,
        digests: Mapping[Path, str | UnreadableImage],
        datasets: Sequence[Sequence[Path]],
    ) -> tuple[PendingImages, ImageChoice]:
        """Return the images with what is cached, and the choice of those to compare."""
        # Read before the detections: those of a dataset that is compared by then are valid.
        compared = self._compared.digests(key) if self._is_compared else set()
        pending = PendingImages()
        for path, digest in digests.items():
            if isinstance(digest, UnreadableImage):
                pending.failed[path] = digest
            else:
                pending.digest[path] = digest
        self._load_cached(key, pending)
        if not self._is_compared:
            return pending, ImageChoice({}, frozenset())
        return pending, choose_images(pending, datasets, compared)

    def _load_cached(self, key: str, pending: PendingImages) -> int:
        """Load cached detections; return how many images still have none."""
        cached = CachedDetections(self._cache, key, self._run)
        cached.load(pending, self._device, len(self.info().classes))
        return len(pending.missing())

    @cached_property
    def _is_compared(self) -> bool:
        """Whether code of the project is part of the model, so that it may depend on anything."""
        return self._configured is None or is_registered(self._source.framework)

    def _compare(self, detector: Detector, pending: PendingImages, choice: ImageChoice) -> bool:
        """Drop cached detections if the model differs; return whether it is repeatable."""
        key, result = detector.info.key, None
        if choice.images:
            n_images = len(choice.images)
            with (
                exclusive(detector.device, self._progress),
                self._progress.task("checking the cache", n_images, "images") as advance,
            ):
                result = compare(detector, choice.images, pending)
                advance(n_images)
        if result is not None and result.reason:
            self._uncached[result.reason] = None
            CachedDetections(self._cache, key, self._run).drop()
            pending.drop_cached()
            self.has_dropped = True
        self._compared.add(key, choice.marks)
        return result is None or result.is_repeatable

    def _infer(self, pending: PendingImages, view: ImageView, *, is_distrusted: bool) -> None:
        detector = self.detector()
        cached = CachedDetections(self._cache, detector.info.key, self._run)
        try:
            infer_missing(
                detector, pending, cached, view, self._progress, is_distrusted=is_distrusted
            )
        finally:
            self._uncached.update(cached.notes)

    def _lock_path(self) -> Path:
        name = f"{(self._identity() or self._entry_digest())[:16]}.lock"
        return self._cache.path.with_name(name)

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
