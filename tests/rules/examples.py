"""A rule's example, written as files and evaluated."""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.latency.timing import LatencyMeasurement
from pytest_detgate.inputs.detection_sources import ResultFiles, TwoInferences
from pytest_detgate.inputs.other_models import OtherModels
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.example import Example
from tests.conftest import coco, named_results
from tests.drawn import draw_pictures
from tests.judged import judged
from tests.needs import import_or_skip
from tests.others import other_models, write_model

Change = Callable[[dict[str, Any]], object]
"""Changes the content of a file before it is written. A result file is one with `annotations`."""


class ExampleAnswers(ResultFiles):
    """The detections of an example and, for rules that run the model, its further answers."""

    def __init__(
        self,
        project: Project,
        files: Mapping[str, Path],
        again: Mapping[str, Path],
        example: Example,
    ) -> None:
        super().__init__(files, project)
        self._second = ResultFiles(again, project)
        self._times_ms = list(example.times_ms)
        self._detector_classes = example.detector_classes

    def infer_twice(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        return TwoInferences(
            rows, self.detections(dataset), self._second.detections(dataset), "cpu"
        )

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(self._detector_classes or super().classes(dataset))

    def latency(
        self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int
    ) -> LatencyMeasurement:
        return LatencyMeasurement(
            times_ms=self._times_ms,
            model_ms=self._times_ms,
            peak_bytes=10**9,
            device="cpu",
            hardware=None,
            model=ModelInfo(key="", checkpoint="", sha256="", classes=(), score_floor=0.0),
        )


def _as_it_is(content: dict[str, Any]) -> None:
    """Change nothing."""


def example_results(
    example: Example,
    folder: Path,
    *,
    change_data: Change = _as_it_is,
    change_results: Change = _as_it_is,
) -> dict[str, RuleResult]:
    """Write an example's files, each changed before, and evaluate its items."""
    if example.needs is not None:
        import_or_skip(example.needs)
    config = textwrap.dedent(example.config)
    for name, text in example.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def write(name: str, content: Any) -> Path:
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return folder / name

    def write_results(name: str, images: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
        content = named_results(images, found, example.classes)
        change_results(content)
        return write(name, content)

    files = {}
    for table, named in {"dataset.splits": example.splits, "probes": example.probes}.items():
        for name, images in named.items():
            content = coco(images, example.classes)
            for key, entries in example.added.get(name, {}).items():
                content[key] += copy.deepcopy(entries)
            change_data(content)
            write(f"{name}.json", content)
            shown = {file: example.copies.get(file, file) for file in images}
            for file in example.gone:
                shown.pop(file, None)
            draw_pictures(folder / "images", shown)
            config += f'\n[{table}.{name}]\nannotations = "{name}.json"\nimages = "images"\n'
            if name in example.detections:
                files[name] = write_results(f"{name}-found.json", images, example.detections[name])
    again = {
        name: write_results(f"{name}-again.json", example.splits[name], found)
        for name, found in example.again.items()
    }
    datasets = {**example.splits, **example.probes}
    baseline = None
    if example.baseline:
        baseline = write_model(folder, "baseline", datasets, example.baseline, example.classes)
    for name, found in example.epochs.items():
        write_model(folder, name, datasets, found, example.classes)

    def source(project: Project) -> ExampleAnswers:
        return ExampleAnswers(project, files, again, example)

    def others(project: Project) -> OtherModels:
        return other_models(project, baseline=baseline)

    return judged(folder, config, source, others)
