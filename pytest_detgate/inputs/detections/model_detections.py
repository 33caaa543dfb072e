"""Detections of a model, cached by content between runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.detections import ImageDetections, ImageResult, UnreadableImage
from pytest_detgate.detector.changed.view import ChangedImages
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.errors import DetectorError
from pytest_detgate.gaps import described
from pytest_detgate.inputs.detections.image_results import detections_by_row, refused_images
from pytest_detgate.inputs.detections.misplaced import (
    FoundBoxes,
    boxes_on,
    finds_anything,
    is_placed,
    misplaced_note,
    sides,
)
from pytest_detgate.inputs.detections.model_notes import precision_notes
from pytest_detgate.inputs.detections.sources import DetectionSource, GatedModel, TwoInferences
from pytest_detgate.progress import Progress
from pytest_detgate.record.report import ModelRecord

if TYPE_CHECKING:
    from pytest_detgate.detector.cached.detector import CachedDetector
    from pytest_detgate.detector.latency.timing import LatencyMeasurement
    from pytest_detgate.image_changes.change import ImageChange
    from pytest_detgate.inputs.project import Project

# Nearly every model detects something on one of so few images, at least with a low score.
_FIRST_IMAGES = 8


class ModelDetections(DetectionSource):
    """Infers once on every image that a selected item needs.

    `source` is a function, because the checkpoint of a training run is known only after it. `run`
    names the run of this process.
    """

    def __init__(
        self,
        *,
        source: Callable[[], ModelSource],
        device: str,
        batch_size: int | None,
        plan: RunPlan,
        cache_dir: Path,
        progress: Progress,
        project: Project,
        run: str = "",
        notes: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._project = project
        self._source_notes = notes
        self._make_source = source
        self._device = device
        self._batch_size = batch_size
        self._plan = plan
        self._cache_dir = cache_dir
        self._progress = progress
        self._run = run
        self._detector: CachedDetector | None = None
        self._results: dict[Path, ImageResult] = {}
        self._sealed: set[Path] = set()
        self._n_cached = 0
        self._devices: set[str] = set()
        self._notes: dict[str, None] = {}

    def prepare(self, datasets: Sequence[Dataset]) -> None:
        is_sealed = self._project.seals.__contains__
        missing = [self._missing(each) for each in datasets if not is_sealed(each.name)]
        if any(missing):
            self._detect(_each_once(missing), missing)
        if sealed := _each_once(self._missing(each) for each in datasets if is_sealed(each.name)):
            self._infer_uncached(sealed)

    def _missing(self, dataset: Dataset) -> list[Path]:
        """The images of a split or probe that no result is known of."""
        self._results.update(refused_images(dataset))
        paths = (dataset.image_path(row) for row in range(len(dataset.images)))
        return [path for path in paths if path not in self._results]

    def _infer_uncached(self, images: Sequence[Path]) -> None:
        """Infer on images whose detections nobody may read, so that they are in no file."""
        detector = self._loaded()
        self._sealed.update(images)
        self._results.update((path, image.result) for path, image in detector.infer(images).items())
        self._devices.add(detector.detector().device)
        self._notes.update(dict.fromkeys(detector.notes))

    def _detect(self, images: Sequence[Path], datasets: Sequence[Sequence[Path]] = ()) -> None:
        detector = self._loaded()
        dropped_before = detector.has_dropped
        run = detector.detect(images, datasets)
        if detector.has_dropped and not dropped_before:
            # Detections that were taken from the cache before are not valid either.
            earlier = [
                p for p, image in self._results.items() if isinstance(image, ImageDetections)
            ]
            earlier = [path for path in earlier if path not in self._sealed]
            self._results.update(detector.detect(earlier))
            self._n_cached = 0
        self._results.update(run)
        self._n_cached += run.cached
        self._devices |= run.devices
        self._notes.update(dict.fromkeys(run.notes))

    def detections(self, dataset: Dataset) -> DetectionTable:
        self.prepare([dataset])
        rows = np.arange(len(dataset.images), dtype=np.int64)
        return self._table(dataset, rows, self._results)

    def finds_anything(
        self, dataset: Dataset, rows: NDArray[np.int64], *, infer: bool
    ) -> bool | None:
        self._results.update(refused_images(dataset))
        every_row = range(len(dataset.images))
        if any(self._finds(dataset, row) for row in every_row):
            return True
        paths = dict(zip(map(dataset.image_path, rows.tolist()), rows.tolist(), strict=True))
        unknown = [path for path in paths if path not in self._results]
        if unknown and not infer:
            return None
        n_images = _FIRST_IMAGES
        while unknown:
            part, unknown = unknown[:n_images], unknown[n_images:]
            self._detect(part)
            if any(self._finds(dataset, paths[path]) for path in part):
                return True
            n_images *= 4
        were_read = (not isinstance(self._results[path], UnreadableImage) for path in paths)
        return False if any(were_read) else None

    def _finds(self, dataset: Dataset, row: int) -> bool:
        """Whether anything was found on the image of a row, as far as is known."""
        answer = self._results.get(dataset.image_path(row))
        # Where a detector finds nothing, this is asked of every image.
        if not isinstance(answer, ImageDetections) or not len(answer.score):
            return False
        return finds_anything(boxes_on({row: answer}, dataset.images, self._source.framework))

    def infer_twice(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        detector = self._loaded()
        paths = self._paths(dataset, rows)
        first, second = detector.infer(paths), detector.infer(paths)
        for path in paths:
            if first[path].sha256 != second[path].sha256:
                raise DetectorError(f"{path}: changed between the two inferences")
        device = detector.detector().device
        self._devices.add(device)
        self._notes.update(dict.fromkeys(detector.notes))

        def table(detected: Mapping[Path, Detected]) -> DetectionTable:
            results = {path: image.result for path, image in detected.items()}
            table = self._table(dataset, rows, results)
            if table.gaps:
                raise DetectorError(f"{dataset.name}: {'; '.join(described(table.gaps))}")
            return table

        return TwoInferences(rows, table(first), table(second), device)

    def changed(
        self, dataset: Dataset, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        self.prepare([dataset])  # which compares what is cached with the model
        paths = self._paths(dataset, rows)
        detector, options = self._loaded(), dataset.image_options
        if dataset.name in self._project.seals:
            detected = detector.infer(paths, ChangedImages(change, options))
            results = {path: image.result for path, image in detected.items()}
        else:
            run = detector.detect_changed(paths, change, options)
            results, self._devices = run.results, self._devices | run.devices
        self._notes.update(dict.fromkeys(detector.notes))
        # What a change moves out of the image may be found at its repeated edge.
        return self._table(dataset, rows, results, may_be_outside=True)

    def latency(
        self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int
    ) -> LatencyMeasurement:
        self._paths(dataset, rows)
        timed = self._loaded().latency([dataset.image_path(row) for row in rows], warm_up)
        self._devices.add(timed.device)
        return timed

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        return self._loaded().info().classes

    @property
    def has_loaded_model(self) -> bool:
        return self._detector is not None and self._detector.is_loaded

    def digest(self, name: str) -> str | None:
        return self._loaded().sha256()

    def model_key(self) -> str | None:
        return self._loaded().info().key

    def gated_model(self) -> GatedModel:
        """Return the model; a file is hashed but not loaded."""
        checkpoint = self._source.checkpoint
        name = self._source.name if checkpoint is None else self._project.relative(checkpoint)
        return GatedModel(name, checkpoint, self._loaded().sha256())

    def model_record(self) -> ModelRecord | None:
        if not (self._results or self._devices):
            return None
        info = self._loaded().info()
        relative = self._project.relative
        source = self._source
        return ModelRecord(
            checkpoint=source.name if source.checkpoint is None else relative(source.checkpoint),
            framework=source.framework,
            sha256=info.sha256,
            classes=list(info.classes),
            device=", ".join(sorted(self._devices)),
            epoch=info.epoch,
            config=None if source.config is None else relative(source.config),
            images=len(self._results),
            kept=self._n_cached,
            key=info.key,
            notes=[*precision_notes(source), *self._source_notes(), *self._notes],
        )

    def _paths(self, dataset: Dataset, rows: NDArray[np.int64]) -> list[Path]:
        """Return the images of some rows, each once; `DetectorError` if one must not be read."""
        paths = list(dict.fromkeys(dataset.image_path(row) for row in rows))
        refused = refused_images(dataset)
        for path in paths:
            if path in refused:
                raise DetectorError(f"{path}: {refused[path].reason}")
        return paths

    def _table(
        self,
        dataset: Dataset,
        rows: NDArray[np.int64],
        results: Mapping[Path, ImageResult],
        *,
        may_be_outside: bool = False,
    ) -> DetectionTable:
        info = self._loaded().info()
        of_row, gaps = detections_by_row(dataset, rows, results)
        boxes = boxes_on(of_row, dataset.images, self._source.framework)
        label = np.concatenate([np.zeros(0, np.int64), *(image.label for image in of_row.values())])
        if not may_be_outside:
            self._note_misplaced(boxes, dataset)
        # A row that only fills the output is no box; a misplaced one with a score counts as one.
        is_box = is_placed(boxes) | (boxes.score > 0)
        return DetectionTable(
            classes=info.classes,
            image=boxes.image[is_box],
            category=label[is_box],
            xywh=sides(boxes.cut()[is_box]),
            uncut=sides(boxes.xyxy[is_box]) if boxes.is_cut.any() else None,
            score=boxes.score[is_box],
            score_floor=info.score_floor,
            gaps=gaps,
        )

    def _note_misplaced(self, boxes: FoundBoxes, dataset: Dataset) -> None:
        threshold, framework = self._project.score_threshold, self._source.framework
        note = misplaced_note(boxes, dataset, threshold=threshold, framework=framework)
        if note is not None and dataset.name not in self._project.seals:
            self._notes[note] = None

    def _loaded(self) -> CachedDetector:
        if self._detector is None:
            # Rules on data alone, which a model is named beside, wait for none of it.
            from pytest_detgate.detector.cached.detector import CachedDetector

            self._detector = CachedDetector(
                self._source,
                cache_dir=self._cache_dir,
                device=self._device,
                progress=self._progress,
                batch_size=self._batch_size,
                plan=self._plan,
                run=self._run,
            )
        return self._detector

    @cached_property
    def _source(self) -> ModelSource:
        return self._make_source()


def _each_once(parts: Iterable[Sequence[Path]]) -> list[Path]:
    return list(dict.fromkeys(path for part in parts for path in part))
