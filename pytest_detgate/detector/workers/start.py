"""Start a detector where `[run]` asks for it: in this process, in several, or on Ray."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.framework import Framework
from pytest_detgate.detector.protocol import Detector, LoadedModel, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.detector.workers.messages import LoadModel, ModelLoaded
from pytest_detgate.detector.workers.run_options import RunPlan

# Images that a single process receives at once: a multiple of what a model takes at once, so that
# its batches are the same as in this process.
_ALONE = 64


def start_detector(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None, plan: RunPlan
) -> LoadedModel:
    """Load a model in this process, in several, or on the machines of a Ray cluster.

    `device` is as the user typed it. The detections are the same in all three cases.
    """
    source = dataclasses.replace(source, threads=plan.threads)
    load = LoadModel(
        source=_with_absolute_paths(source), sha256=sha256, device=device, batch_size=batch_size
    )
    if plan.engine == "ray":
        from pytest_detgate.detector.workers.ray_client import RayWorkers

        ray_workers = RayWorkers(load, plan)
        return _loaded_model(ray_workers, ray_workers.loaded, source)
    model_framework = framework(source.framework)
    devices = local_devices(device, plan.workers, model_framework)
    is_alone = len(devices) == 1
    if not is_alone or not model_framework.is_fresh(source):
        from pytest_detgate.detector.workers.local import LocalWorkers

        batch = (_ALONE if batch_size is None else 4 * batch_size) if is_alone else None
        workers = LocalWorkers(load, devices, batch=plan.batch or batch)
        return _loaded_model(workers, workers.loaded, source)
    return load_detector(source, sha256=sha256, device=device, batch_size=batch_size)


def local_devices(requested: str, workers: int | None, model_framework: Framework) -> list[str]:
    """Return the device of each worker: every GPU once before any of them twice.

    With a single device the model runs in this process.
    """
    if requested == "cpu" or (requested.startswith("cuda:") and workers is None):
        return [requested] * (workers or 1)
    if workers is None and requested == "auto" and not model_framework.takes_every_gpu:
        return [requested]
    n_gpus = model_framework.gpu_count()
    if not n_gpus:  # if a GPU is requested, loading the model says that there is none
        return [requested if requested != "auto" else "cpu"] * (workers or 1)
    gpus = [f"cuda:{number}" for number in range(n_gpus)]
    chosen = [requested] if requested.startswith("cuda:") else gpus
    return [chosen[index % len(chosen)] for index in range(workers or len(chosen))]


def _with_absolute_paths(source: ModelSource) -> ModelSource:
    """A worker may have another current directory."""
    changes: dict[str, Any] = {
        field.name: value.absolute()
        for field in dataclasses.fields(source)
        if isinstance(value := getattr(source, field.name), Path)
    }
    return dataclasses.replace(source, **changes)


def _loaded_model(detector: Detector, loaded: ModelLoaded, source: ModelSource) -> LoadedModel:
    detector.info = msgspec.structs.replace(
        loaded.info,
        checkpoint=source.name,
        config=None if source.config is None else str(source.config),
    )
    return LoadedModel(
        detector=detector,
        packages=tuple(loaded.versions),
        dependencies=loaded.dependencies,
    )
