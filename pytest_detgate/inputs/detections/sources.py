"""Where a rule's detections come from: result files, a model (`model_detections`), or nowhere."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pytest_detgate.errors import DataError
from pytest_detgate.record.report import ModelRecord, PredictionsRecord
from pytest_detgate.regular_file import real_path, sha256_of_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_detgate.dataset.tables import Dataset, DetectionTable
    from pytest_detgate.detector.latency.timing import LatencyMeasurement
    from pytest_detgate.image_changes.change import ImageChange
    from pytest_detgate.inputs.project import Project

_NAMED = 3


@dataclass(frozen=True, slots=True)
class TwoInferences:
    """What one model found twice on the images at `rows` of a split, running on `device`."""

    rows: NDArray[np.int64]
    first: DetectionTable
    second: DetectionTable
    device: str


@dataclass(frozen=True, slots=True)
class GatedModel:
    """The gated model: its name as the report shows it, its file if it has one, and the SHA-256 of
    that."""

    name: str
    checkpoint: Path | None
    sha256: str


class DetectionSource(abc.ABC):
    """Gives the detections of a split or probe, and says what it is for the report.

    What only a model can give is refused here with a reason; a source that has a model overrides
    it.
    """

    no_model: ClassVar[str] = (
        "this needs a model that can be run: name a checkpoint (--detgate-ckpt, or [model] "
        "checkpoint)"
    )

    def prepare(self, datasets: Sequence[Dataset]) -> None:  # noqa: B027 (nothing to prepare)
        """Hear which splits and probes will be asked for, before the first is."""

    @abc.abstractmethod
    def detections(self, dataset: Dataset) -> DetectionTable:
        """Detections of every image; a `DetgateError` says why there are none."""

    def written_for(self, dataset: Dataset) -> Dataset:
        """The split or probe whose detections those of a dataset are a part of."""
        return dataset

    @abc.abstractmethod
    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        """The names of the detector's classes; a `DetgateError` says why there are none."""

    def finds_anything(
        self, dataset: Dataset, rows: NDArray[np.int64], *, infer: bool
    ) -> bool | None:
        """Whether there is a detection, of any score above 0, that is in an image of a split or
        probe.

        `rows` are the images with ground truth. None where it is not known; with `infer` a model
        runs on as many of them as it takes.
        """
        return None

    def infer_twice(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        """Infer twice on some of the images, also on those with known detections."""
        self._refuse()

    def changed(
        self, dataset: Dataset, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        """Detect on some of the images after a change of each; boxes are those on the originals."""
        self._refuse()

    def latency(
        self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int
    ) -> LatencyMeasurement:
        """Time the model on some of the images, after `warm_up` others."""
        self._refuse()

    @property
    def has_loaded_model(self) -> bool:
        """Whether a model is in memory."""
        return False

    def digest(self, name: str) -> str | None:
        """The SHA-256 of the file that the detections of a split or probe come from."""
        return None

    def model_key(self) -> str | None:
        """A digest of everything that the detections of a model depend on; None where there is no
        model, and for one that does not say."""
        return None

    def gated_model(self) -> GatedModel | None:
        """The model that is run; None where there is none."""
        return None

    def model_record(self) -> ModelRecord | None:
        """The model behind the detections given so far."""
        return None

    def predictions_records(self) -> dict[str, PredictionsRecord]:
        """The result files behind the detections given so far, by split or probe."""
        return {}

    def _refuse(self) -> NoReturn:
        raise DataError(self.no_model)


class ResultFiles(DetectionSource):
    """Detections from result files, one or several for each split or probe. A file that is given
    for several of them holds the detections of all their images."""

    no_model = (
        "this needs a model that can be run, and result files only say what one has found: gate "
        "a checkpoint (--detgate-ckpt, or [model] checkpoint) without --detgate-predictions"
    )

    def __init__(self, files: Mapping[str, Path | Sequence[Path]], project: Project) -> None:
        self._files = {
            name: (given,) if isinstance(given, Path) else tuple(given)
            for name, given in files.items()
        }
        self._project = project
        self._records: dict[str, PredictionsRecord] = {}
        self._tables: dict[str, DetectionTable] = {}
        self._datasets: dict[str, Dataset] = {}

    def detections(self, dataset: Dataset) -> DetectionTable:
        from pytest_detgate.inputs.detections.result_notes import result_notes
        from pytest_detgate.inputs.fingerprints import detections_sha256

        if dataset.name in self._tables:
            return self._tables[dataset.name]
        paths = self._of(dataset)
        table = self._table(paths, dataset)
        if dataset.part is None:
            further = result_notes(paths, dataset, table, self._project.score_threshold)
            table = dataclasses.replace(table, notes=(*table.notes, *further))
        self._records[dataset.name] = PredictionsRecord(
            path=", ".join(map(self._project.relative, paths)),
            sha256=table.sha256 or "",
            detections=len(table),
            detections_sha256=detections_sha256(table),
            notes=[self._project.shorten(note) for note in table.notes],
        )
        self._tables[dataset.name] = table
        return table

    def _table(self, paths: tuple[Path, ...], dataset: Dataset) -> DetectionTable:
        """Read files. What they have of other images of the split does not concern a part of it."""
        from pytest_detgate.dataset.parts import detections_of_part
        from pytest_detgate.dataset.results.files import read_found
        from pytest_detgate.dataset.results.reader import detection_table
        from pytest_detgate.inputs.detections.result_context import numbering_of

        if dataset.part is None:
            return detection_table(
                read_found(paths),
                dataset,
                detector_classes=self._project.evaluated_classes or (),
                others=self._others(paths, dataset),
                numbering=numbering_of(self._project, dataset, self._files, self._read),
            )
        whole = dataset.part.whole
        if dataset.name in self._files:
            return detections_of_part(self._table(paths, whole), dataset)
        # Notes on the file are those of the split.
        return dataclasses.replace(detections_of_part(self.detections(whole), dataset), notes=())

    def written_for(self, dataset: Dataset) -> Dataset:
        is_own = dataset.part is None or dataset.name in self._files
        return dataset if is_own or dataset.part is None else dataset.part.whole

    def finds_anything(
        self, dataset: Dataset, rows: NDArray[np.int64], *, infer: bool
    ) -> bool | None:
        from pytest_detgate.inputs.detections.misplaced import boxes_of, finds_anything

        if not self._paths(dataset):
            return None
        return finds_anything(boxes_of(self.detections(dataset), dataset.images))

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        from pytest_detgate.dataset.results.files import class_names_of

        return self._project.numbered_classes or class_names_of(self._of(dataset))

    def digest(self, name: str) -> str | None:
        from pytest_detgate.dataset.results.files import sha256_of

        record = self._records.get(name)
        if record is not None:
            return record.sha256
        query = self._project.query(name)
        paths = self._files.get(name) or self._files.get("" if query is None else query.split)
        if not paths:
            raise DataError(_no_file(name))
        return sha256_of(paths)

    def predictions_records(self) -> dict[str, PredictionsRecord]:
        return dict(self._records)

    def _paths(self, dataset: Dataset) -> tuple[Path, ...]:
        """The result files of a split or probe. Those of a split serve its parts too."""
        whole = None if dataset.part is None else dataset.part.whole.name
        return self._files.get(dataset.name) or self._files.get(whole or "") or ()

    def _of(self, dataset: Dataset) -> tuple[Path, ...]:
        paths = self._paths(dataset)
        if not paths:
            if dataset.part is None:
                raise DataError(_no_file(dataset.name))
            whole = dataset.part.whole.name
            raise DataError(f"{_no_file(whole)}, which {dataset.name} is a part of")
        for path in paths:
            if not path.exists():
                raise DataError(f"{path}: no such file or folder{_files_there(path.parent)}")
        return paths

    def _read(self, name: str) -> Dataset:
        if name not in self._datasets:
            self._datasets[name] = self._project.read(name)
        return self._datasets[name]

    def _others(self, paths: tuple[Path, ...], dataset: Dataset) -> list[Dataset]:
        """The further splits and probes that some of the files are given for; a part of a split
        adds nothing to it."""
        own = set(map(real_path, paths))
        return [
            self._read(other)
            for other, given in self._files.items()
            if other != dataset.name
            and self._project.query(other) is None
            and own & set(map(real_path, given))
        ]


def _files_there(folder: Path) -> str:
    """Which result files somebody may have meant."""
    names = sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"; there is {', '.join(names[:_NAMED])}{more}" if names else ""


def _no_file(name: str) -> str:
    return f"there is no result file of {name}; add --detgate-predictions {name}=FILE"


def _of_file(dataset: Dataset) -> str:
    """The name whose result file serves a split or probe: that of the split it is a part of."""
    return dataset.name if dataset.part is None else dataset.part.whole.name


class NoDetections(DetectionSource):
    """Neither a model nor a result file was named."""

    def detections(self, dataset: Dataset) -> DetectionTable:
        raise DataError(
            f"there are no detections of {dataset.name}: name a checkpoint (--detgate-ckpt, or "
            f"[model] checkpoint) or a result file (--detgate-predictions {_of_file(dataset)}=FILE)"
        )

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        raise DataError(
            "there is no detector: name a checkpoint (--detgate-ckpt, or [model] checkpoint) or a "
            f"result file (--detgate-predictions {_of_file(dataset)}=FILE)"
        )


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file; `DataError` if it cannot be read."""
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
