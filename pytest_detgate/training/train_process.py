"""The process that trains, as seen by the one that started it."""

from __future__ import annotations

import contextlib
import subprocess
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


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a training process used and made; paths are absolute. `files` are those that it read,
    `dependencies` all else that it looked at."""

    checkpoint: str
    device: str
    randomness: dict[str, int | bool | None]
    files: list[str]
    dependencies: Dependencies
    scalars: str | None


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the training process: progress, how it failed, or how it ended."""

    iteration: int = 0
    total: int = 0
    error: str | None = None
    outcome: Outcome | None = None


def run_training(
    config: Path,
    work_dir: Path,
    seed: int,
    device: str,
    *,
    n_processes: int = 1,
    trust: bool = False,
    log_path: Path,
    progress: Progress,
) -> Outcome:
    """Train in a process of its own, or in several that `torchrun` starts; what they print goes to
    the log. What it starts from is read as weights only, unless `trust` allows more."""
    with (
        exclusive_all([f"cuda:{number}" for number in range(n_processes)])
        if n_processes > 1 and device != "cpu" and gpu_count()
        else contextlib.nullcontext(),
        log_path.open("wb") as log,
        _start(config, work_dir, seed, device, n_processes, trust, log) as process,
    ):
        try:
            outcome, error = _listen(process, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)
        finally:  # also when interrupted: training must not go on unseen
            end_process(process)
    if outcome is None:
        raise DetectorError(_failure(error, process.returncode, log_path))
    return outcome


def _start(
    config: Path,
    work_dir: Path,
    seed: int,
    device: str,
    n_processes: int,
    trust: bool,
    log: IO[bytes],
) -> subprocess.Popen[bytes]:
    arguments = [str(config.absolute()), str(work_dir.absolute()), str(seed), device]
    arguments += ["trust"] if trust else []
    # They find each other on this machine alone, by a port that is free.
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(n_processes)]
    return start_process(
        "pytest_detgate.training.train_worker",
        arguments,
        device=device,
        log=log,
        through=["-m", *torchrun] if n_processes > 1 else [],
    )


def _listen(
    process: subprocess.Popen[bytes], progress: Progress
) -> tuple[Outcome | None, str | None]:
    outcome: Outcome | None = None
    error: str | None = None
    finished = 0
    with contextlib.ExitStack() as shown:
        advance = None
        for message in receive_messages(process, Message):
            # Of several, the first that fails takes the others along.
            outcome, error = message.outcome or outcome, error or message.error
            if message.total and advance is None:
                task = progress.task("training", message.total, "iterations")
                advance = shown.enter_context(task)
            if advance is not None and message.iteration > finished:
                advance(message.iteration - finished)
                finished = message.iteration
    return outcome, error


def _failure(error: str | None, code: int, log: Path) -> str:
    error = error or exit_reason(code, log)
    return f"training failed: {error}; the whole log is {log}"
