"""The process that trains, as seen by the one that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import msgspec

from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress

_TAIL_LINES = 15
_PATIENCE_SECONDS = 10


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a training process used and made; paths are absolute."""

    checkpoint: str
    device: str
    randomness: dict[str, int | bool | None]
    files: list[str]
    environment: dict[str, str | None]
    scalars: str | None


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the training process: progress, how it failed, or how it ended."""

    iteration: int = 0
    total: int = 0
    error: str | None = None
    outcome: Outcome | None = None


def run_training(
    config: Path, work_dir: Path, seed: int, device: str, *, log_path: Path, progress: Progress
) -> Outcome:
    """Train in a process of its own; what it prints goes to the log."""
    with (
        log_path.open("wb") as log,
        _start(config, work_dir, seed, device, log) as process,
    ):
        try:
            outcome, error = _listen(process, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_SECONDS)
        finally:  # also when interrupted: training must not go on unseen
            _end(process)
    if outcome is None:
        raise DetectorError(_failure(error, process.returncode, log_path))
    return outcome


def _start(
    config: Path, work_dir: Path, seed: int, device: str, log: IO[bytes]
) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    environment.pop("PYTHONWARNINGS", None)  # a warning of theirs must not end a training run
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest_detgate.detector.training_job"),
            *(str(config.absolute()), str(work_dir.absolute()), str(seed), device),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _listen(
    process: subprocess.Popen[bytes], progress: Progress
) -> tuple[Outcome | None, str | None]:
    outcome: Outcome | None = None
    error: str | None = None
    finished = 0
    decode = msgspec.json.Decoder(Message).decode
    assert process.stdout is not None
    with contextlib.ExitStack() as shown:
        advance = None
        for line in process.stdout:
            if not line.endswith(b"\n"):
                break  # cut short where the process was killed
            message = decode(line)
            outcome, error = message.outcome or outcome, message.error or error
            if message.total and advance is None:
                task = progress.task("training", message.total, "iterations")
                advance = shown.enter_context(task)
            if advance is not None and message.iteration > finished:
                advance(message.iteration - finished)
                finished = message.iteration
    return outcome, error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the training process and the workers it started, if they are still there."""

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    if process.poll() is not None:
        return
    send(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    send(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _failure(error: str | None, code: int, log: Path) -> str:
    if error is None:
        error = (
            f"the process was ended by {signal.Signals(-code).name}"
            if code < 0
            else f"the process ended with exit code {code}"
        )
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        error += f" after {lines[-1]!r}" if lines else ""
    return f"training failed: {error}; the whole log is {log}"
