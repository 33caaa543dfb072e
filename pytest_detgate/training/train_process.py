"""Start of the process that trains, and the messages that it sends."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from pytest_detgate.detector.dependencies.state import Dependencies
from pytest_detgate.detector.devices import exclusive_all, gpu_count
from pytest_detgate.detector.subprocesses import (
    PATIENCE_SECONDS,
    end_process,
    exit_reason,
    receive_messages,
    start_process,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What to train, and how. `device` is as the user typed it.

    Checkpoints that the configuration starts from are read as weights only, unless `trust` allows
    more.
    """

    config: Path
    work_dir: Path
    seed: int
    device: str
    n_processes: int = 1
    trust: bool = False


class TrainingOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a training process used and made; paths are absolute.

    `files` are those that it read, `dependencies` everything else that it depends on.
    """

    checkpoint: str
    device: str
    randomness: dict[str, int | bool | None]
    files: list[str]
    dependencies: Dependencies
    scalars: str | None


class TrainingMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the training process: progress, an error, or the outcome."""

    is_waiting: bool = False
    """For a GPU that another gate is using."""
    iteration: int = 0
    total: int = 0
    error: str | None = None
    outcome: TrainingOutcome | None = None


def run_training(
    request: TrainingRequest, *, log_path: Path, progress: Progress
) -> TrainingOutcome:
    """Train in a separate process, or in several that `torchrun` starts; what they print goes to
    the log."""
    with (
        _hold_gpus(request, progress),
        log_path.open("wb") as log,
        _start(request, log) as process,
    ):
        try:
            outcome, error = _receive(process, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)
        finally:  # also when interrupted: training must not continue
            end_process(process)
    if outcome is None:
        raise DetectorError(_failure(error, process.returncode, log_path))
    return outcome


def _hold_gpus(
    request: TrainingRequest, progress: Progress
) -> contextlib.AbstractContextManager[None]:
    """Hold all GPUs that train together; the process that trains holds a single one."""
    n = request.n_processes
    if n > 1 and request.device != "cpu" and gpu_count():
        return exclusive_all([f"cuda:{number}" for number in range(n)], progress)
    return contextlib.nullcontext()


def _start(request: TrainingRequest, log: IO[bytes]) -> subprocess.Popen[bytes]:
    paths = [str(request.config.absolute()), str(request.work_dir.absolute())]
    arguments = [*paths, str(request.seed), request.device]
    arguments += ["trust"] if request.trust else []
    # The processes find each other on this machine alone, by a free port.
    n = str(request.n_processes)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", n]
    return start_process(
        "pytest_detgate.training.train_worker",
        arguments,
        device=request.device,
        log=log,
        through=torchrun if request.n_processes > 1 else [],
    )


def _receive(
    process: subprocess.Popen[bytes], progress: Progress
) -> tuple[TrainingOutcome | None, str | None]:
    """Show the progress until the process ends; return the outcome and the error."""
    outcome: TrainingOutcome | None = None
    error: str | None = None
    finished = 0
    with contextlib.ExitStack() as waiting, contextlib.ExitStack() as stack:
        advance = None
        for message in receive_messages(process, TrainingMessage):
            # Of several processes the first error counts: the others fail because of it.
            outcome, error = message.outcome or outcome, error or message.error
            if message.is_waiting:
                waiting.enter_context(progress.task("another gate is using the GPU", 1, "turns"))
            if message.total and advance is None:
                waiting.close()
                task = progress.task("training", message.total, "iterations")
                advance = stack.enter_context(task)
            if advance is not None and message.iteration > finished:
                advance(message.iteration - finished)
                finished = message.iteration
    return outcome, error


def _failure(error: str | None, code: int, log: Path) -> str:
    error = error or exit_reason(code, log)
    return f"training failed: {error}; the whole log is {log}"
