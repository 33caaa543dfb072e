"""Models to compare with, as result files that stand for checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.inputs.compared.other_models import OtherModels
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.project import Project
from pytest_detgate.testing import result_content

Images = Mapping[str, Sequence[Any]]
"""Boxes by image: the ground truth of a split or probe, or what was found on it."""


def write_model(
    folder: Path,
    name: str,
    datasets: Mapping[str, Images],
    detections: Mapping[str, Images],
    classes: Sequence[str] = ("helmet_off",),
) -> Path:
    """Write a model's result files into a folder of its name; beside it lies its checkpoint."""
    for dataset, images in datasets.items():
        path = folder / name / f"{dataset}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result_content(images, detections.get(dataset, {}), classes)))
    checkpoint = folder / f"{name}.pth"
    checkpoint.write_text(name)
    return checkpoint


def result_files(checkpoint: Path) -> dict[str, Path]:
    """The result files of a model that `write_model` wrote, by split and probe."""
    return {path.stem: path for path in checkpoint.with_suffix("").glob("*.json")}


def other_models(
    project: Project,
    *,
    baseline: Path | None = None,
    sweep: str | None = None,
    may_be_missing: bool = False,
) -> OtherModels:
    """A baseline, which may be a report, and a sweep of models that `write_model` wrote."""

    def of(checkpoint: Path) -> ResultFiles:
        return ResultFiles(result_files(checkpoint), project)

    return OtherModels(
        of_baseline=of, of_epoch=of, baseline=baseline, may_be_missing=may_be_missing, sweep=sweep
    )
