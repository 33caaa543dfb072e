"""Training as `[train]` asks for it, and reuse of a run that was trained from the same inputs.

A separate process does the work (`train_worker`); nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digest
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.detector.dependencies.gathering import HAS_CHANGED
from pytest_detgate.detector.dependencies.state import file_signature, file_states
from pytest_detgate.detector.dependencies.variables import variable_state
from pytest_detgate.detector.devices import accepts, check_device, gpu_count
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.mmdet.config import config_digest
from pytest_detgate.detector.mmdet.config_files import resolved_config
from pytest_detgate.detector.packages import package_versions
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress
from pytest_detgate.training.record import (
    LOG,
    TrainedRun,
    TrainingRecord,
    drop_record,
    finished_run,
    is_current,
    read_record,
    trained_run,
    write_record,
)
from pytest_detgate.training.train_process import TrainingOutcome, TrainingRequest, run_training

__all__ = ["TrainedRun", "finished_run", "train"]

_LOCK = "detgate-train.lock"


def train(
    config: Path,
    work_dir: Path,
    seed: int,
    *,
    device: str,
    retrain: bool,
    progress: Progress,
    cache_dir: Path,
    gpus: int | Literal["all"] = 1,
    trust: bool = False,
) -> TrainedRun:
    """Train, unless `work_dir` holds a finished run of the same inputs and `retrain` is false.

    `cache_dir` is the folder of the cache, which has the digests of unchanged files.
    `gpus` is how many GPUs, or processes on a CPU, train together. Each has the batch size of the
    configuration, so that another number gives another model. `trust` allows checkpoints that the
    configuration starts from to run code.
    """
    check_device(device)
    if not config.is_file():
        raise DetectorError(f"{config}: there is no such configuration file to train with")
    n_processes = _process_count(device, gpus)
    configured = _config_digest(config)
    cache = Cache(cache_dir / CACHE_FILE)
    request = TrainingRequest(
        config=config,
        work_dir=work_dir,
        seed=seed,
        device=device,
        n_processes=n_processes,
        trust=trust,
    )
    with _exclusive(work_dir, progress):
        record = None if retrain else read_record(work_dir)
        if (
            record is not None
            and _answers(record, request)
            and is_current(record, work_dir, configured, cache)
        ):
            return trained_run(record, work_dir, reused=True)
        record = _train_and_record(request, configured, progress, cache)
        return trained_run(record, work_dir, reused=False)


def _answers(record: TrainingRecord, request: TrainingRequest) -> bool:
    """Return whether a finished run was started as the request asks for."""
    return (
        record.config == str(request.config.absolute())
        and record.seed == request.seed
        and record.n_processes == request.n_processes
        and accepts(request.device, record.device)
    )


def _config_digest(config: Path) -> str | None:
    """Return a digest of the resolved configuration; None if it cannot be resolved, which training
    reports."""
    if importlib.util.find_spec("mmengine") is None:
        return None
    try:
        return config_digest(resolved_config(config))
    except DetectorError:
        return None


def _process_count(device: str, gpus: int | Literal["all"]) -> int:
    if gpus == 1 or (gpus == "all" and (device == "cpu" or device.startswith("cuda:"))):
        return 1
    if device.startswith("cuda:"):
        raise DetectorError(f"device {device!r} is one GPU, and [train] asks for {gpus}")
    available = 0 if device == "cpu" else gpu_count()
    if gpus == "all":
        return max(available, 1)
    if available < gpus and (available or device == "cuda"):
        raise DetectorError(f"[train] asks for {gpus} GPUs, and {available} can be used here")
    return gpus


def _train_and_record(
    request: TrainingRequest, configured: str | None, progress: Progress, cache: Cache
) -> TrainingRecord:
    work_dir = request.work_dir
    drop_record(work_dir)
    started = time.time_ns()
    outcome = run_training(request, log_path=work_dir / LOG, progress=progress)
    checkpoint = Path(outcome.checkpoint)
    require_checkpoint(checkpoint)
    dependencies = outcome.dependencies
    record = TrainingRecord(
        config=str(request.config.absolute()),
        seed=request.seed,
        device=outcome.device,
        n_processes=request.n_processes,
        randomness=outcome.randomness,
        # Hashed in this process, which has the cache of digests.
        files=file_states(outcome.files, cache),
        dependencies=msgspec.structs.replace(
            dependencies,
            # As this process and later ones see them: the training process had another environment.
            environment={name: variable_state(name) for name in dependencies.environment},
        ),
        configured=configured,
        versions=package_versions(),
        settled=_is_settled(outcome, started),
        checkpoint=os.path.relpath(checkpoint, work_dir),
        sha256=file_digest(checkpoint, cache),
        scalars=None if outcome.scalars is None else os.path.relpath(outcome.scalars, work_dir),
    )
    write_record(record, work_dir)
    return record


def _is_settled(outcome: TrainingOutcome, started_ns: int) -> bool:
    """Return whether no input has changed since the training started."""
    if any(reason.endswith(HAS_CHANGED) for reason in outcome.dependencies.hidden):
        return False
    signatures = [file_signature(path) for path in outcome.files]
    return all(seen is None or seen.changed_ns < started_ns for seen in signatures)


@contextlib.contextmanager
def _exclusive(work_dir: Path, progress: Progress) -> Iterator[None]:
    """Let one gate at a time train into a folder; the others then reuse its run."""
    from filelock import FileLock, Timeout

    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work_dir / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with progress.task("another gate is training", 1, "runs"):
                lock.acquire()
    except OSError as error:
        raise DetectorError(f"{work_dir}: cannot be trained into: {error}") from error
    try:
        yield
    finally:
        lock.release()
