"""The detections of a model file, as the gate makes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.progress import Progress
from pytest_detgate.temporary.folder import temporary_folder

if TYPE_CHECKING:
    from pytest_detgate.inputs.detections.sources import DetectionSource
    from pytest_detgate.inputs.project import Project


def model_file(
    path: Path, cache: Path | None, progress: Progress, stack: ExitStack
) -> Callable[[Project], DetectionSource]:
    """What makes the source of detections of a model. Without a `cache` they are forgotten when
    `stack` is closed."""

    def make(project: Project) -> DetectionSource:
        from pytest_detgate.detector.workers.run_options import RunPlan
        from pytest_detgate.inputs.detections.model_detections import ModelDetections
        from pytest_detgate.inputs.detections.model_source import model_source

        configuration = project.configuration
        folder = cache or stack.enter_context(temporary_folder("cache"))
        return ModelDetections(
            source=lambda: model_source(
                configuration,
                path,
                config=configuration.tables.model.config,
                trust=False,
                image_options=project.image_options,
            ),
            device="auto",
            plan=RunPlan(),
            batch_size=None,
            cache_dir=folder,
            progress=progress,
            project=project,
        )

    return make
