"""All that rules ask for.

Each input is declared once, in one of three classes: of the data (`data`), of a model (`model`), or
of the run as a whole, here. It is made when it is first asked for and remembered, and so is the
reason why it cannot be made: a file that cannot be read refuses every rule that needs it, with one
message. What makes it is imported then, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_detgate.errors import DataError
from pytest_detgate.gaps import NotLookedAtError, described
from pytest_detgate.inputs.compared.other_models import OtherModels
from pytest_detgate.inputs.data import Memory
from pytest_detgate.inputs.detections.sources import DetectionSource, NoDetections
from pytest_detgate.inputs.model import ModelInputs
from pytest_detgate.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_detgate.dataset.clips.timeline import Timeline
    from pytest_detgate.dataset.tables import DetectionTable
    from pytest_detgate.expectations.wide_tables.wide_table import TableName, WideTable
    from pytest_detgate.inputs.compared.baseline import Baseline
    from pytest_detgate.inputs.compared.comparable import BaselineAp
    from pytest_detgate.inputs.compared.sweep import Epoch
    from pytest_detgate.inputs.detections.silent import Silence
    from pytest_detgate.inputs.detections.sources import GatedModel
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.inputs.together import Together
    from pytest_detgate.record.project_files.looks import LookBudget
    from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms
    from pytest_detgate.scoring.alarms.trade_off import AlarmCurve
    from pytest_detgate.scoring.score_card import ApMetric
    from pytest_detgate.scoring.weak_slices import Attribute
    from pytest_detgate.training.fed_data import FedData
    from pytest_detgate.training.settings import TrainingSettings

T = TypeVar("T")


class Inputs(ModelInputs):
    """The inputs of one gate. What cannot be made raises a `DetgateError` with the reason, which
    makes the item *not evaluated*."""

    is_gated = True

    def __init__(
        self,
        project: Project,
        source: DetectionSource,
        requested: Sequence[str] = (),
        *,
        cache: Path | None = None,
        progress: Progress | None = None,
        others: OtherModels | None = None,
        data: Memory | None = None,
        looks: LookBudget | None = None,
        together: Together | None = None,
    ) -> None:
        """`requested` are the splits and probes whose detections this run will need. `cache` is
        the cache's folder; without one, what is computed of images is forgotten. `others` are the
        models to compare with, `data` what was read of the same splits before, `looks` the models
        that were judged before, if the project counts them. With `together`, one process does some
        work for all processes of the run."""
        data = Memory(of_data=True) if data is None else data
        super().__init__(project, source, requested, data=data, cache=cache, progress=progress)
        self.looks = looks
        self.together = together
        self._others = others or OtherModels(of_baseline=_nothing, of_epoch=_nothing)

    def complete_detections(self, name: str) -> DetectionTable:
        """The detections, for tests written by hand, which are not judged: `NotLookedAtError`
        where they are not those of every image, or where the detector finds nothing anywhere."""
        table = self.detections(name)
        if table.gaps:
            raise NotLookedAtError(f"{name}: {'; '.join(described(table.gaps))}")
        self.refuse_silent(name)
        return table

    def wide_table(self, name: str, table: TableName) -> WideTable:
        """The table of the images, annotations or detections of a split or probe, with the columns
        that expectations and data frames have."""
        from pytest_detgate.inputs.wide_tables import make_wide_table

        def make() -> WideTable:
            return make_wide_table(self, name, table, lambda: self.wide_table(name, "images"))

        # Images and annotations tell nothing of a model, so a sealed probe shows them.
        memory = self.memory if table == "detections" else self.data
        return memory.once(("wide table", name, table), make)

    def refuse_silent(self, name: str) -> None:
        """Raise `NotLookedAtError` where the detector finds nothing at all, on a split or probe
        that it finds nothing on or on images with ground truth: no count of its boxes says
        anything then. Every item does so for the detections that it needs."""
        from pytest_detgate.inputs.detections.misplaced import boxes_of, finds_anything
        from pytest_detgate.inputs.detections.silent import refuse, silence_of

        boxes = boxes_of(self.detections(name), self.dataset(name).images)
        found_some = finds_anything(boxes)

        def make() -> Silence | None:
            return silence_of(self, infer=not found_some)

        silence = self.memory.once(("silence", found_some), make)
        if silence is not None:
            refuse(silence, name, self, found_some=found_some)

    def timeline(self, name: str) -> Timeline:
        """When each image of a split or probe was taken, by clip; `NotLookedAtError` where that is
        known of none."""
        from pytest_detgate.inputs.timelines import read_timeline

        return self.data.once(("timeline", name), lambda: read_timeline(self, name))

    def slice_attributes(
        self, split: str, fields: Sequence[str] | None, *, pixels: bool
    ) -> tuple[list[Attribute], list[str]]:
        """The properties of images by which weak slices are searched, and those left out."""
        from pytest_detgate.inputs.slice_attributes import read_attributes

        return read_attributes(self, split, fields, pixels=pixels)

    def unread_images(self, split: str) -> NDArray[np.int64]:
        """The rows of the images of a split whose pixels cannot be read."""
        from pytest_detgate.inputs.slice_attributes import unread_images

        return unread_images(self, split)

    def clip_alarms(self, name: str, threshold: float) -> ClipAlarms:
        """The detections and the events of a split or probe on its timeline; `threshold` is the
        operating point, beside which other thresholds are looked at."""
        from pytest_detgate.inputs.clip_inputs import make_clip_alarms

        def make() -> ClipAlarms:
            return make_clip_alarms(self, name, self.timeline(name), threshold)

        return self.memory.once(("clip alarms", name, threshold), make)

    def alarm_curves(self, name: str, threshold: float) -> list[AlarmCurve]:
        """What other score thresholds, and other ways of debouncing, would do on those clips."""
        from pytest_detgate.inputs.clip_inputs import debounces
        from pytest_detgate.scoring.alarms.trade_off import alarm_curves, thresholds_of

        def make() -> list[AlarmCurve]:
            thresholds = thresholds_of(self.detections(name).score_floor, threshold)
            clips = self.clip_alarms(name, threshold)
            return alarm_curves(clips, thresholds, debounces(self.project))

        return self.memory.once(("alarm curves", name, threshold), make)

    def baseline(self) -> Baseline:
        """What the gated model is compared with; `NoBaselineError` where there is none."""
        from pytest_detgate.inputs.compared.open_baseline import open_baseline

        return self.memory.once("baseline", lambda: open_baseline(self, self._others))

    def ap_of_seeds(
        self, split: str, metric: ApMetric, paths: tuple[Path, ...]
    ) -> list[BaselineAp]:
        """The AP of checkpoints of one training on a split."""
        from pytest_detgate.inputs.compared.seeds import ap_of_seeds

        return self.memory.once(
            ("seeds", split, metric, paths),
            lambda: ap_of_seeds(self, self._others, split, metric, paths),
        )

    def sweep(
        self, requested: Sequence[str], checkpoints: str | None, measure: Callable[[Epoch], T]
    ) -> list[T]:
        """What `measure` returns for each checkpoint of a sweep and for the gated one, each file
        once.

        They are loaded one after another, so `measure` must keep no part of an epoch. `requested`
        are the splits and probes whose detections it asks for, at least one; `checkpoints` is a
        pattern for paths that is used where the command line names no sweep.
        """
        from pytest_detgate.inputs.compared.sweep import measure_sweep

        return measure_sweep(self, self._others, requested, checkpoints, measure)

    def gated_model(self) -> GatedModel | None:
        """The model that is gated, of which only the digest is needed; None where no model is named
        or result files are gated."""
        return self.memory.once("gated model", self.source.gated_model)

    def training_settings(self) -> TrainingSettings:
        """What the training configuration says of the run itself."""
        from pytest_detgate.training.fed_data import read_training_settings

        return self.memory.once(
            "training settings", lambda: read_training_settings(self._training_config())
        )

    def training_view(self) -> FedData:
        """What the training data set, built as the training configuration does, feeds."""
        from pytest_detgate.training.fed_data import read_fed_data

        return self.memory.once(
            "training view",
            lambda: read_fed_data(self._training_config(), self.progress, self.cache),
        )

    def _training_config(self) -> Path:
        path = self.project.training_config
        if path is None:
            raise DataError("neither [train] nor [model] names a configuration to train with")
        return path


def _nothing(checkpoint: Path) -> DetectionSource:
    return NoDetections()
