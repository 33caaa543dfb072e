"""Every rule carries an example that passes and one that fails; all of them are run."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.detector.latency import Latency
from pytest_detgate.detector.protocol import ModelInfo
from pytest_detgate.gate.detections import ResultFiles, TwoInferences
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.other_models import OtherModels
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import rule_classes
from pytest_detgate.gate.rule_page import HEADINGS, rule_page
from tests.drawn import draw_pictures
from tests.judged import judged
from tests.others import other_models, write_model

RULES = rule_classes()


class ExampleAnswers(ResultFiles):
    """The detections of an example and, for rules that run the model, its further answers."""

    def __init__(
        self,
        project: Project,
        files: dict[str, Path],
        again: dict[str, Path],
        example: Example,
    ) -> None:
        super().__init__(files, project)
        self._second = ResultFiles(again, project)
        self._times_ms = list(example.times_ms)
        self._detector_classes = example.detector_classes

    def repeated(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        return TwoInferences(
            rows, self.detections(dataset), self._second.detections(dataset), "cpu"
        )

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(self._detector_classes or super().classes(dataset))

    def latency(self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int) -> Latency:
        return Latency(
            times_ms=self._times_ms,
            model_ms=self._times_ms,
            peak_bytes=10**9,
            device="cpu",
            hardware=None,
            model=ModelInfo(key="", checkpoint="", sha256="", classes=(), score_floor=0.0),
        )


def verdicts(
    example: Example, folder: Path, coco_content: Any, result_content: Any, write_json: Any
) -> set[str]:
    """Write an example's files and evaluate its items."""
    if example.needs is not None:
        pytest.importorskip(example.needs, exc_type=ImportError)
    config = textwrap.dedent(example.config)
    for name, text in example.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    files = {}
    datasets = {"dataset.splits": example.splits, "probes": example.probes}
    for table, named in datasets.items():
        for name, images in named.items():
            content = coco_content(images, example.classes)
            for key, entries in example.added.get(name, {}).items():
                content[key] += entries
            write_json(folder / f"{name}.json", content)
            shown = {file: example.copies.get(file, file) for file in images}
            for file in example.gone:
                shown.pop(file, None)
            draw_pictures(folder / "images", shown)
            config += f'\n[{table}.{name}]\nannotations = "{name}.json"\nimages = "images"\n'
            if name in example.detections:
                found = result_content(images, example.detections[name], example.classes)
                files[name] = write_json(folder / f"{name}-found.json", found)
    again = {
        name: write_json(
            folder / f"{name}-again.json",
            result_content(example.splits[name], example.again[name], example.classes),
        )
        for name in example.again
    }
    shown_on = {**example.splits, **example.probes}
    baseline = None
    if example.baseline:
        baseline = write_model(folder, "baseline", shown_on, example.baseline, example.classes)
    for name, found in example.epochs.items():
        write_model(folder, name, shown_on, found, example.classes)

    def source(project: Project) -> ExampleAnswers:
        return ExampleAnswers(project, files, again, example)

    def others(project: Project) -> OtherModels:
        return other_models(project, baseline=baseline)

    return {result.verdict for result in judged(folder, config, source, others).values()}


@pytest.mark.parametrize("code", RULES)
def test_passing_example_passes(
    code: str, tmp_path: Path, coco_content: Any, result_content: Any, write_json: Any
) -> None:
    found = verdicts(RULES[code].passing, tmp_path, coco_content, result_content, write_json)

    assert found == {"passed"}


@pytest.mark.parametrize("code", RULES)
def test_failing_example_fails(
    code: str, tmp_path: Path, coco_content: Any, result_content: Any, write_json: Any
) -> None:
    found = verdicts(RULES[code].failing, tmp_path, coco_content, result_content, write_json)

    assert "failed" in found
    assert "not-evaluated" not in found


@pytest.mark.parametrize("code", RULES)
def test_page_has_every_heading(code: str) -> None:
    page = rule_page(RULES[code])

    assert tuple(page.sections) == HEADINGS
    assert all(page.sections.values())
    assert page.summary.endswith(".")


@pytest.mark.parametrize("code", RULES)
def test_module_and_class_are_named_after_the_code(code: str) -> None:
    kind = RULES[code]

    assert kind.__module__ == f"pytest_detgate.checks.{code.replace('-', '_')}"
    assert kind.__name__ == code.replace("-", " ").title().replace(" ", "")
