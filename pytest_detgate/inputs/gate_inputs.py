"""Makes what rules ask for, once in a process, and says why it cannot."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.cache.sqlite_file import STORE_FILE
from pytest_detgate.cache.store import Store
from pytest_detgate.dataset.clips import ClipKey, Clips, clips_of
from pytest_detgate.dataset.contents import SplitContents, split_contents
from pytest_detgate.dataset.frames import FrameKey, Frames, frames_of
from pytest_detgate.dataset.ids import repeated
from pytest_detgate.dataset.tables import Dataset, DetectionTable, ImageTable
from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.gaps import NotLookedAtError, described
from pytest_detgate.inputs.baseline import Baseline, open_baseline
from pytest_detgate.inputs.detection_sources import (
    DetectionSource,
    GatedModel,
    NoDetections,
    TwoInferences,
)
from pytest_detgate.inputs.fingerprints import images_sha256, names_sha256
from pytest_detgate.inputs.score_record import score_record
from pytest_detgate.inputs.silent import Silence, refuse, silence_of
from pytest_detgate.inputs.sweep import Epoch, OtherModels, measure_sweep
from pytest_detgate.pictures.hashes import PictureKeys, picture_keys
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.record.report import (
    BaselineRecord,
    DatasetRecord,
    ProbeRecord,
    ScoreRecord,
    SplitRecord,
)
from pytest_detgate.rules.project import Project
from pytest_detgate.scoring.bounds.bootstrap import Replicates, bootstrap
from pytest_detgate.scoring.bounds.resampling import Resampling, Units, clip_units, image_units
from pytest_detgate.scoring.coco_evaluation import evaluate, refuse_undefined
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.confusion import Confusion, confusion
from pytest_detgate.scoring.error_kinds import Errors, errors_of
from pytest_detgate.scoring.matching import Candidates, Matches, candidates_of, match
from pytest_detgate.scoring.score_card import Area, ScoreCard

if TYPE_CHECKING:
    from pytest_detgate.detector.latency.timing import Latency
    from pytest_detgate.training.fed_data import TrainingSettings, TrainingView

T = TypeVar("T")


class GateInputs:
    """The inputs of one gate. Answers and refusals are remembered: a file that cannot be read
    refuses every rule that needs it, with one reason."""

    def __init__(
        self,
        project: Project,
        source: DetectionSource,
        wanted: Sequence[str] = (),
        *,
        store: Path | None = None,
        progress: Progress | None = None,
        others: OtherModels | None = None,
    ) -> None:
        """`wanted` are the splits and probes that detections will be asked of in this run, so
        that a model can answer them all in one go. `store` is the folder of the store; without
        one, what is computed of pictures is forgotten. `others` are the models to compare with."""
        self.project = project
        self.source = source
        self._store = store
        self._progress = progress or NoProgress()
        self._others = others or OtherModels(of_baseline=_nothing, of_epoch=_nothing)
        self._wanted = tuple(wanted)
        self._made: dict[Hashable, object] = {}

    def tables(self, name: str) -> Dataset:
        return self._once(("dataset", name), lambda: self.project.read(name))

    def dataset(self, name: str) -> Dataset:
        dataset = self.tables(name)
        if not len(dataset.images):
            where = dataset.annotations or dataset.images_dir
            raise DataError(f"{name} has no images ({self.project.relative(where)})")
        twice = self._once(("repeated ids", name), lambda: repeated(dataset.images.id))
        if twice:
            raise DataError(
                f"{name}: image id {twice[0]!r} stands for several images, so it cannot be said "
                "which of them an annotation belongs to"
            )
        return dataset

    def images_with(self, name: str, field: str) -> ImageTable:
        def make() -> ImageTable:
            self.dataset(name)  # refuses images that cannot be told apart
            return self.project.read(name, (field,)).images

        return self._once(("images with", name, field), make)

    def clips(self, name: str, key: ClipKey) -> Clips:
        def make() -> Clips:
            return clips_of(self._images(name, key.field), key)

        return self._once(("clips", name, key), make)

    def frames(self, name: str, key: FrameKey) -> Frames:
        def make() -> Frames:
            images = self._images(name, key.field)
            return frames_of(images, self.clips(name, key.clip), key)

        return self._once(("frames", name, key), make)

    def pictures(self, name: str, *, hashed: bool) -> PictureKeys:
        def make() -> PictureKeys:
            dataset = self.dataset(name)
            with contextlib.ExitStack() as stack:
                folder = self._store or Path(
                    stack.enter_context(tempfile.TemporaryDirectory(prefix="detgate-"))
                )
                store = Store(folder / STORE_FILE)
                return picture_keys(dataset, store, self._progress, hashed=hashed)

        return self._once(("pictures", name, hashed), make)

    def images_sha256(self, name: str) -> str | None:
        """A digest of the images of a split or probe by name and content; None where one of them
        cannot be read."""

        def make() -> str | None:
            with contextlib.suppress(DataError):
                keys = self.pictures(name, hashed=False)
                return images_sha256(self.dataset(name), keys.digest)
            return None

        return self._once(("images digest", name), make)

    def detections(self, name: str) -> DetectionTable:
        def make() -> DetectionTable:
            self._once("prepared", lambda: self.source.prepare(self._readable(self._wanted)))
            return self.source.detections(self.dataset(name))

        return self._once(("detections", name), make)

    def complete_detections(self, name: str) -> DetectionTable:
        """The detections, for tests written by hand, which are not judged: `NotLookedAtError`
        where they are not those of every image, or where the detector finds nothing anywhere."""
        table = self.detections(name)
        if table.gaps:
            raise NotLookedAtError(f"{name}: {'; '.join(described(table.gaps))}")
        self.refuse_silent(name)
        return table

    def refuse_silent(self, name: str) -> None:
        found_some = len(self.detections(name)) > 0

        def make() -> Silence | None:
            return silence_of(self, infer=not found_some)

        silence = self._once(("silence", found_some), make)
        if silence is not None:
            refuse(silence, name, self, found_some=found_some)

    def asked_for(self, name: str) -> bool:
        return name in self._wanted

    def repeated(self, split: str, images: int) -> TwoInferences:
        def make() -> TwoInferences:
            dataset = self.dataset(split)
            return self.source.repeated(dataset, spread(len(dataset.images), images))

        return self._once(("two inferences", split, images), make)

    def latency(self, split: str, images: int, warm_up: int) -> Latency:
        def make() -> Latency:
            dataset = self.dataset(split)
            rows = np.resize(spread(len(dataset.images), images), images)
            return self.source.latency(dataset, rows, warm_up)

        return self._once(("latency", split, images, warm_up), make)

    def detector_classes(self, name: str) -> tuple[str, ...]:
        return self._once(
            ("detector classes", name), lambda: self.source.classes(self.dataset(name))
        )

    def scores(self, split: str) -> ScoreCard:
        scoring = self.project.tables.scoring
        return self._once(
            ("scores", split),
            lambda: evaluate(
                self.dataset(split), self.detections(split), scoring.engine, scoring.max_detections
            ),
        )

    def matches(self, split: str, area: Area = "all") -> Matches:
        def candidates() -> Candidates:
            dataset, detections = self.dataset(split), self.detections(split)
            refuse_undefined(dataset, detections)
            return candidates_of(columns_of(dataset, detections))

        return self._once(
            ("matches", split, area),
            lambda: match(self._once(("candidates", split), candidates), area),
        )

    def errors(self, split: str) -> Errors:
        most = self.project.tables.scoring.max_detections
        return self._once(("errors", split), lambda: errors_of(self.matches(split), most))

    def confusion(self, split: str) -> Confusion:
        def make() -> Confusion:
            dataset, detections = self.dataset(split), self.detections(split)
            refuse_undefined(dataset, detections)
            return confusion(dataset, detections, self.project.score_threshold)

        return self._once(("confusion", split), make)

    def units(self, name: str) -> Units:
        def make() -> Units:
            dataset = self.dataset(name)
            field = self.project.tables.scoring.clip_field
            # A folder has no fields, so its file names are all there is.
            key = ClipKey(self.project.frame_pattern, field if dataset.annotations else None)
            images = len(dataset.images)
            if key.pattern is None and key.field is None:
                return image_units(images)
            clips = self.clips(name, key).clip.tolist()
            return clip_units(clips) if any(clips) else image_units(images)

        return self._once(("units", name), make)

    def resampling(self, split: str, replicates: int, seed: int) -> Resampling:
        return Resampling(self.units(split), replicates, seed)

    def replicates(self, split: str, area: Area, replicates: int, seed: int) -> Replicates:
        def make() -> Replicates:
            matches = self.matches(split, area)
            with self._progress.task("bootstrap", replicates, "replicates") as advance:
                return bootstrap(
                    matches,
                    self.resampling(split, replicates, seed),
                    advance,
                    self.project.tables.scoring.max_detections,
                )

        return self._once(("replicates", split, area, replicates, seed), make)

    def baseline(self) -> Baseline:
        return self._once("baseline", lambda: open_baseline(self, self._others))

    def sweep(
        self, wanted: Sequence[str], checkpoints: str | None, measure: Callable[[Epoch], T]
    ) -> list[T]:
        return measure_sweep(self, self._others, wanted, checkpoints, measure)

    def beside(self, source: DetectionSource, wanted: Sequence[str] = ()) -> GateInputs:
        """The same inputs with another model in place of the gated one. What is read of the data
        is read once for both."""
        return _InputsBeside(self, source, wanted)

    def baseline_record(self) -> BaselineRecord | None:
        """The baseline, if it was asked for and could be read, for the report."""
        baseline = self._made.get("baseline")
        if baseline is None or isinstance(baseline, DetgateError):
            return None
        return cast(Baseline, baseline).record

    def gated_model(self) -> GatedModel | None:
        def make() -> GatedModel | None:
            from pytest_detgate.inputs.model_detections import ModelDetections

            source = self.source
            return source.gated_model() if isinstance(source, ModelDetections) else None

        return self._once("gated model", make)

    def training_settings(self) -> TrainingSettings:
        def make() -> TrainingSettings:
            from pytest_detgate.training.fed_data import read_training_settings

            return read_training_settings(self._training_config())

        return self._once("training settings", make)

    def training_view(self) -> TrainingView:
        def make() -> TrainingView:
            from pytest_detgate.training.fed_data import read_training_view

            return read_training_view(self._training_config(), self._progress)

        return self._once("training view", make)

    def _training_config(self) -> Path:
        path = self.project.training_config
        if path is None:
            raise DataError("neither [train] nor [model] names a configuration to train with")
        return path

    def dataset_record(self) -> DatasetRecord:
        """What was read so far, for the report."""
        record = DatasetRecord(splits={}, probes={})
        for name in self.project.splits:
            if isinstance(dataset := self._made.get(("dataset", name)), Dataset):
                # The images of a split may be many: only where a model has read them anyway.
                by_model = self._is_judged(name) and self.source.model_record() is not None
                record.splits[name] = self._once(
                    ("dataset record", name, by_model),
                    partial(self._split_record, dataset, with_images=by_model),
                )
        for name in self.project.probes:
            if isinstance(dataset := self._made.get(("dataset", name)), Dataset):
                is_judged = self._is_judged(name)
                record.probes[name] = self._once(
                    ("probe record", name, is_judged),
                    partial(self._probe_record, dataset, with_images=is_judged),
                )
        return record

    def _is_judged(self, name: str) -> bool:
        """Whether a rule has had detections of a split or probe."""
        return isinstance(self._made.get(("detections", name)), DetectionTable)

    def contents(self) -> dict[str, SplitContents]:
        """What is in the splits that were read so far, for the charts of the report."""
        return {
            name: self._once(("contents", name), partial(split_contents, dataset))
            for name in self.project.splits
            if isinstance(dataset := self._made.get(("dataset", name)), Dataset)
        }

    def score_records(self) -> dict[str, ScoreRecord]:
        """The figures computed so far, for the report."""
        cards = {name: self._made.get(("scores", name)) for name in self.project.splits}
        return {
            name: self._once(("score record", name), partial(score_record, self, name, card))
            for name, card in cards.items()
            if isinstance(card, ScoreCard)
        }

    def _images(self, name: str, field: str | None) -> ImageTable:
        return self.dataset(name).images if field is None else self.images_with(name, field)

    def _readable(self, names: Sequence[str]) -> list[Dataset]:
        readable = []
        for name in names:
            with contextlib.suppress(DetgateError):
                readable.append(self.dataset(name))
        return readable

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            try:
                self._made[key] = make()
            except DetgateError as error:
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, DetgateError):
            # A fresh object: an exception that is raised again collects tracebacks.
            raise type(made)(str(made))
        return cast(T, made)

    def _split_record(self, dataset: Dataset, *, with_images: bool) -> SplitRecord:
        assert dataset.annotations is not None
        return SplitRecord(
            annotations=self.project.relative(dataset.annotations),
            images_dir=self.project.relative(dataset.images_dir),
            sha256=dataset.sha256 or "",
            images=len(dataset.images),
            boxes=len(dataset.boxes),
            empty=len(dataset.empty_images()),
            images_sha256=self.images_sha256(dataset.name) if with_images else None,
            notes=list(dataset.notes),
        )

    def _probe_record(self, dataset: Dataset, *, with_images: bool) -> ProbeRecord:
        path = dataset.annotations
        return ProbeRecord(
            images_dir=self.project.relative(dataset.images_dir),
            images=len(dataset.images),
            boxes=len(dataset.boxes),
            annotations=None if path is None else self.project.relative(path),
            sha256=dataset.sha256,
            names_sha256=names_sha256(dataset),
            images_sha256=self.images_sha256(dataset.name) if with_images else None,
            notes=list(dataset.notes),
        )


def spread(total: int, wanted: int) -> NDArray[np.int64]:
    """Rows of up to `wanted` of `total` images, spread evenly over them."""
    count = min(wanted, total)
    return np.arange(count, dtype=np.int64) * total // count


class _InputsBeside(GateInputs):
    """The inputs of a gate with another model in place of the gated one."""

    def __init__(self, gate: GateInputs, source: DetectionSource, wanted: Sequence[str]) -> None:
        super().__init__(gate.project, source, wanted, store=gate._store, progress=gate._progress)
        self._gate = gate

    def detections(self, name: str) -> DetectionTable:
        """What the other model found; a `NotLookedAtError` where it did not look at everything:
        a figure that comes out too low for it would let the gated model pass."""
        table = super().detections(name)
        if table.gaps:
            raise NotLookedAtError("; ".join(described(table.gaps)))
        return table

    def tables(self, name: str) -> Dataset:
        return self._gate.tables(name)

    def dataset(self, name: str) -> Dataset:
        return self._gate.dataset(name)

    def images_with(self, name: str, field: str) -> ImageTable:
        return self._gate.images_with(name, field)

    def clips(self, name: str, key: ClipKey) -> Clips:
        return self._gate.clips(name, key)

    def frames(self, name: str, key: FrameKey) -> Frames:
        return self._gate.frames(name, key)

    def pictures(self, name: str, *, hashed: bool) -> PictureKeys:
        return self._gate.pictures(name, hashed=hashed)


def _nothing(checkpoint: Path) -> DetectionSource:
    return NoDetections()
