"""The one object a process keeps for its gate, and the key it is stashed under."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DataError, DetectorError, nearest
from pytest_detgate.plugin.folders import SharedFolders
from pytest_detgate.plugin.options import GateOptions
from pytest_detgate.regular_file import read_regular

if TYPE_CHECKING:
    from pytest_detgate.config.tables.run_tables import RunTable
    from pytest_detgate.detector.workers.run_options import RunPlan
    from pytest_detgate.inputs.compared.other_models import OtherModels
    from pytest_detgate.inputs.detections.model_detections import ModelDetections
    from pytest_detgate.inputs.detections.sources import DetectionSource
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.inputs.together import Together
    from pytest_detgate.plugin.ledger import GateLedger
    from pytest_detgate.plugin.results.messages import Facts
    from pytest_detgate.progress import Progress
    from pytest_detgate.record.project_files.known_findings import Acceptance
    from pytest_detgate.record.redaction.redaction import Redaction
    from pytest_detgate.rules.binding import BoundRule
    from pytest_detgate.rules.rule import Rule, Target

SESSION = pytest.StashKey["GateSession"]()
_IMAGES = (".jpg", ".jpeg", ".png")
TRAINING_RESULT = "training.json"
"""In the folder of a run: the checkpoint that training ended with, or why there is none."""
TOGETHER = "together"
"""In the folder of a run: what one process has done for all."""
EARLIER_RECORD = "earlier-report.json"
"""In the folder of a run: the record that it has replaced."""


@dataclass(eq=False)
class GateSession:
    """The gate in one process: what was asked, what the file says, and what was made so far."""

    options: GateOptions
    project: Project
    rules: tuple[BoundRule, ...]
    folders: SharedFolders
    progress: Progress
    redaction: Redaction
    """Hides in all that leaves the process what the project does not want seen."""
    accepted: tuple[Acceptance, ...] = ()
    """Findings that `detgate-known.json` accepts."""
    ledger: GateLedger | None = None
    """The models that were judged before, if the project counts them."""
    wanted: tuple[str, ...] = ()
    """Splits and probes that the selected items need detections of."""
    selected: tuple[tuple[Rule, Target], ...] = ()
    """The items that run."""
    items: dict[str, pytest.Item] = field(default_factory=dict)
    """The items of the file by name, where this process has collected it."""
    _names: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    """File names of images by split or probe, where a test has named one."""
    sent: Facts | None = field(default=None, repr=False)
    """All facts that the reporter was sent so far."""

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The names of all items of the file, in its order."""
        return tuple(bound.item_name(target) for bound in self.rules for target in bound.targets)

    @property
    def history(self) -> Path | None:
        """The file of earlier runs, if the project has one."""
        configuration = self.project.configuration
        table = configuration.tables.history
        return None if table is None else configuration.locate(table.path)

    @cached_property
    def inputs(self) -> Inputs:
        from pytest_detgate.inputs.inputs import Inputs

        return Inputs(
            self.project,
            self._source(),
            self.wanted,
            cache=self.folders.cache,
            progress=self.progress,
            others=self._others(),
            looks=None if self.ledger is None else self.ledger.budget,
            together=self._together(),
        )

    def _together(self) -> Together | None:
        """What is done once for all workers of pytest-xdist; None where there is one process."""
        from pytest_detgate.inputs.together import Together

        if not self.folders.is_worker:
            return None
        return Together(self.folders.run / TOGETHER, self.selected)

    def is_gated_image(self, path: str) -> bool:
        """Return whether an absolute path is that of an image in a folder of images of the project,
        by its suffix: no test is in such a file."""
        is_named_so = path.lower().endswith(_IMAGES) and path.startswith(self._image_folders)
        return is_named_so and not os.path.isdir(path)  # noqa: PTH112 (there may be a million)

    @cached_property
    def _image_folders(self) -> tuple[str, ...]:
        configuration = self.project.configuration
        tables = configuration.tables
        named = [split.images for split in tables.dataset.splits.values()]
        named += [probe.images for probe in tables.probes.values()]
        folders = (configuration.locate(name) for name in named if name)
        return tuple(os.path.abspath(path) + os.sep for path in folders)  # noqa: PTH100 (no link)

    def require_image(self, dataset: str, image: str | None) -> None:
        """Raise `DetgateError` for a split or probe, or an image in it, that does not exist."""
        if dataset not in self._names:
            self._names[dataset] = frozenset(self.inputs.tables(dataset).images.file_name)
        names = self._names[dataset]
        if image is not None and image not in names:
            raise DataError(f"no image {image!r} in {dataset}{nearest(image, names)}")

    def _source(self) -> DetectionSource:
        from pytest_detgate.inputs.detections.sources import NoDetections, ResultFiles

        if self.options.predictions:
            return ResultFiles(self.options.predictions, self.project)
        from pytest_detgate.inputs.detections.model_source import is_complete

        config = self.project.configuration
        model = config.tables.model
        if self.options.train and config.tables.train:
            trained_with = model.config or config.tables.train.config
            return self._model(self.trained, trained_with, self._training_notes)
        if self.options.checkpoint is None and not is_complete(model):
            return NoDetections()
        checkpoint = self.options.checkpoint
        if checkpoint is None and model.checkpoint is not None:
            checkpoint = config.locate(model.checkpoint)
        return self._model(lambda: checkpoint, model.config)

    def _others(self) -> OtherModels:
        """The baseline and the sweep. A baseline may be older than the configuration that is
        trained now, so it runs with its own unless `[model] config` is given."""
        from pytest_detgate.inputs.compared.other_models import OtherModels
        from pytest_detgate.record.folder import RECORD

        config = self.project.configuration
        model, train = config.tables.model, config.tables.train
        baseline, may_be_missing = self.options.baseline, False
        named = model.named_baseline
        if baseline is None and named is not None:
            baseline, may_be_missing = config.locate(named.path), named.may_be_missing
        trained_with = train.config if self.options.train and train else None

        def of_epoch(checkpoint: Path) -> DetectionSource:
            if self.options.predictions:
                raise DataError("result files are gated, and they say nothing of other checkpoints")
            return self._model(lambda: checkpoint, model.config or trained_with)

        earlier = self.folders.run / EARLIER_RECORD
        return OtherModels(
            baseline=baseline,
            may_be_missing=may_be_missing,
            sweep=self.options.sweep,
            of_baseline=lambda checkpoint: self._model(lambda: checkpoint, model.config),
            of_epoch=of_epoch,
            cache_dir=self.folders.cache,
            record=self.options.report / RECORD,
            earlier=earlier if earlier.exists() else None,
        )

    def _model(
        self,
        checkpoint: Callable[[], Path | None],
        config: str | None,
        notes: Callable[[], Sequence[str]] = tuple,
    ) -> ModelDetections:
        from pytest_detgate.inputs.detections.model_detections import ModelDetections
        from pytest_detgate.inputs.detections.model_source import model_source

        configuration = self.project.configuration
        trust = self.options.trust_checkpoint
        return ModelDetections(
            source=lambda: model_source(
                configuration,
                checkpoint(),
                config=config,
                trust=trust,
                image_options=self.project.image_options,
            ),
            device=self.options.device,
            plan=run_plan(configuration.tables.run),
            batch_size=configuration.tables.model.batch_size,
            cache_dir=self.folders.cache,
            progress=self.progress,
            project=self.project,
            run=str(self.folders.run),
            notes=notes,
        )

    def _training_notes(self) -> Sequence[str]:
        result = json.loads(read_regular(self.folders.run / TRAINING_RESULT))
        notes: list[str] = result.get("notes", [])
        return notes

    def trained(self) -> Path:
        """The checkpoint that this run's training ended with; `DetectorError` if it did not end
        well."""
        try:
            result = json.loads(read_regular(self.folders.run / TRAINING_RESULT))
        except FileNotFoundError:
            raise DetectorError("training did not run") from None
        if "error" in result:
            raise DetectorError(result["error"])
        return Path(result["checkpoint"])


def run_plan(table: RunTable) -> RunPlan:
    """Where the detector runs, as `[run]` says."""
    from pytest_detgate.detector.workers.run_options import RunPlan

    return RunPlan(
        engine=table.engine,
        workers=table.workers,
        threads=table.threads,
        batch=table.batch,
        address=table.address,
        gpus_per_worker=table.gpus_per_worker,
        shared_files=table.shared_files,
    )
