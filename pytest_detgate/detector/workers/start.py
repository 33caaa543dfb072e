"""A detector where `[run]` says that it is to run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.framework import Framework
from pytest_detgate.detector.protocol import Detector, LoadedModel, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.detector.workers.messages import Described, Order
from pytest_detgate.detector.workers.run_options import RunPlan


def start_detector(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None, plan: RunPlan
) -> LoadedModel:
    """Load a model in this process, in several, or on the machines of a Ray cluster.

    `device` is as the user typed it. Whoever answers, the detections are the same.
    """
    source = dataclasses.replace(source, threads=plan.threads)
    order = Order(source=_absolute(source), sha256=sha256, device=device, batch_size=batch_size)
    if plan.engine == "ray":
        from pytest_detgate.detector.workers.ray_client import RayWorkers

        ray_workers = RayWorkers(order, plan)
        return _loaded(ray_workers, ray_workers.described, source)
    devices = local_devices(device, plan.workers, framework(source.framework))
    if len(devices) > 1:
        from pytest_detgate.detector.workers.local import LocalWorkers

        workers = LocalWorkers(order, devices, batch=plan.batch)
        return _loaded(workers, workers.described, source)
    return load_detector(source, sha256=sha256, device=device, batch_size=batch_size)


def local_devices(requested: str, workers: int | None, kind: Framework) -> list[str]:
    """The device of each worker: every GPU once before any of them twice; one name alone means
    that the model runs in this process."""
    if requested == "cpu" or (requested.startswith("cuda:") and workers is None):
        return [requested] * (workers or 1)
    if workers is None and requested == "auto" and not kind.takes_every_gpu:
        return [requested]
    n_gpus = kind.gpu_count()
    if not n_gpus:  # where a GPU is asked for, whoever loads the model says that there is none
        return [requested if requested != "auto" else "cpu"] * (workers or 1)
    gpus = [f"cuda:{at}" for at in range(n_gpus)]
    chosen = [requested] if requested.startswith("cuda:") else gpus
    return [chosen[at % len(chosen)] for at in range(workers or len(chosen))]


def _absolute(source: ModelSource) -> ModelSource:
    """A worker may stand in another folder."""
    changes: dict[str, Any] = {
        field.name: value.absolute()
        for field in dataclasses.fields(source)
        if isinstance(value := getattr(source, field.name), Path)
    }
    return dataclasses.replace(source, **changes)


def _loaded(detector: Detector, described: Described, source: ModelSource) -> LoadedModel:
    detector.info = msgspec.structs.replace(
        described.info,
        checkpoint=source.name,
        config=None if source.config is None else str(source.config),
    )
    return LoadedModel(
        detector=detector,
        packages=tuple(described.versions),
        dependencies=described.dependencies,
    )
