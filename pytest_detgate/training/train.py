"""Training as `[train]` asks for it, and using again what was trained from the same inputs.

The work is done by a process of its own (`train_worker`); nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
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
from pytest_detgate.detector.dependencies.gathered import HAS_CHANGED
from pytest_detgate.detector.dependencies.state import (
    file_signature,
    file_states,
    variable_state,
)
from pytest_detgate.detector.devices import accepts, check_device, gpu_count
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.mmdet.config import canonical
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
    read_record,
    still_holds,
    trained_run,
    write_record,
)
from pytest_detgate.training.train_process import run_training

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
    `gpus` is how many GPUs, or processes on a CPU, train together; each takes the batch size of
    the configuration for itself, so that another number gives another model. `trust` allows
    checkpoints that the configuration starts from to run code.
    """
    check_device(device)
    if not config.is_file():
        raise DetectorError(f"{config}: there is no such configuration file to train with")
    n_processes = _process_count(device, gpus)
    configured = _configured(config)
    cache = Cache(cache_dir / CACHE_FILE)
    with _alone(work_dir, progress):
        record = read_record(work_dir)
        if (
            record is not None
            and not retrain
            and record.config == str(config.absolute())
            and record.seed == seed
            and record.n_processes == n_processes
            and accepts(device, record.device)
            and still_holds(record, work_dir, configured, cache)
        ):
            return trained_run(record, work_dir, reused=True)
        record = _trained(
            *(config, configured, work_dir, seed, device, n_processes, trust),
            progress,
            cache,
        )
        return trained_run(record, work_dir, reused=False)


def _configured(config: Path) -> str | None:
    """A digest of the configuration as it is resolved now; None where it cannot be, as training
    will say."""
    if importlib.util.find_spec("mmengine") is None:
        return None
    try:
        return hashlib.sha256(canonical(resolved_config(config)).encode()).hexdigest()
    except DetectorError:
        return None


def _process_count(device: str, gpus: int | Literal["all"]) -> int:
    if gpus == 1 or (gpus == "all" and (device == "cpu" or device.startswith("cuda:"))):
        return 1
    if device.startswith("cuda:"):
        raise DetectorError(f"device {device!r} is one GPU, and [train] asks for {gpus}")
    there = 0 if device == "cpu" else gpu_count()
    if gpus == "all":
        return max(there, 1)
    if there < gpus and (there or device == "cuda"):
        raise DetectorError(f"[train] asks for {gpus} GPUs, and {there} can be used here")
    return gpus


def _trained(
    config: Path,
    configured: str | None,
    work_dir: Path,
    seed: int,
    device: str,
    n_processes: int,
    trust: bool,
    progress: Progress,
    cache: Cache,
) -> TrainingRecord:
    drop_record(work_dir)
    started = time.time_ns()
    outcome = run_training(
        config,
        work_dir,
        seed,
        device,
        n_processes=n_processes,
        trust=trust,
        log_path=work_dir / LOG,
        progress=progress,
    )
    checkpoint = Path(outcome.checkpoint)
    require_checkpoint(checkpoint)
    # Hashed here, where digests are kept; those of files that are not there are nothing to hash.
    states = file_states(outcome.files, cache)
    signatures = [found for path in outcome.files if (found := file_signature(path)) is not None]
    dependencies = outcome.dependencies
    has_changed = any(reason.endswith(HAS_CHANGED) for reason in dependencies.hidden)
    settled = not has_changed and all(found.changed_ns < started for found in signatures)
    record = TrainingRecord(
        config=str(config.absolute()),
        seed=seed,
        device=outcome.device,
        n_processes=n_processes,
        randomness=outcome.randomness,
        files=states,
        dependencies=msgspec.structs.replace(
            dependencies,
            # As the process that asks next time sees them: the one that trained was given others.
            environment={name: variable_state(name) for name in dependencies.environment},
        ),
        configured=configured,
        versions=package_versions(),
        settled=settled,
        checkpoint=os.path.relpath(checkpoint, work_dir),
        sha256=file_digest(checkpoint, cache),
        scalars=None if outcome.scalars is None else os.path.relpath(outcome.scalars, work_dir),
    )
    write_record(record, work_dir)
    return record


@contextlib.contextmanager
def _alone(work_dir: Path, progress: Progress) -> Iterator[None]:
    """Keep a second gate from training into the same folder; what the first made serves both."""
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
