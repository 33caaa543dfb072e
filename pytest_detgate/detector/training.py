"""Training as `[train]` asks for it, and using again what was trained from the same inputs.

The work is done by a process of its own (`training_job`); nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import msgspec

from pytest_detgate.detector.checkpoint import require_checkpoint
from pytest_detgate.detector.devices import accepts, check_device
from pytest_detgate.detector.digests import file_digests, signature
from pytest_detgate.detector.packages import package_versions
from pytest_detgate.detector.store import STORE_FILE, Store
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import Progress

_RECORD = "detgate-train.json"
_LOG = "detgate-train.log"
_LOCK = "detgate-train.lock"
_PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun:
    """A finished training run; `scalars` is MMEngine's record of loss and metrics, if it wrote one.

    `reused` says that nothing was trained, because the inputs are those of this finished run.
    """

    checkpoint: Path
    sha256: str
    seed: int
    device: str
    log: Path
    scalars: Path | None
    reused: bool


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


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run, and everything that must be as it was for it to be used again.

    `settled` is false where an input changed while training went on.
    """

    format: Literal[1] = 1
    config: str
    seed: int
    device: str
    randomness: dict[str, int | bool | None]
    files: dict[str, str]
    environment: dict[str, str | None]
    versions: dict[str, str]
    settled: bool
    checkpoint: str
    sha256: str
    scalars: str | None


def train(
    config: Path,
    work_dir: Path,
    seed: int,
    *,
    device: str,
    retrain: bool,
    progress: Progress,
    store: Path,
) -> TrainedRun:
    """Train, unless `work_dir` holds a finished run of the same inputs and `retrain` is false.

    `store` is the folder of the store: it remembers the digests of files that have not changed.
    """
    check_device(device)
    if not config.is_file():
        raise DetectorError(f"{config}: there is no such configuration file to train with")
    digests = Store(store / STORE_FILE)
    with _alone(work_dir, progress):
        record = _read_record(work_dir)
        if (
            record is not None
            and not retrain
            and record.config == str(config.absolute())
            and record.seed == seed
            and accepts(device, record.device)
            and _still_holds(record, work_dir, digests)
        ):
            return _run(record, work_dir, reused=True)
        return _run(_trained(config, work_dir, seed, device, progress, digests), work_dir)


def finished_run(work_dir: Path) -> TrainedRun | None:
    """The finished run that a work directory holds, without asking whether its inputs changed."""
    record = _read_record(work_dir)
    if record is None or not (work_dir / record.checkpoint).is_file():
        return None
    return _run(record, work_dir, reused=True)


def _run(record: _Record, work_dir: Path, *, reused: bool = False) -> TrainedRun:
    return TrainedRun(
        checkpoint=work_dir / record.checkpoint,
        sha256=record.sha256,
        seed=record.seed,
        device=record.device,
        log=work_dir / _LOG,
        scalars=None if record.scalars is None else work_dir / record.scalars,
        reused=reused,
    )


def _read_record(work_dir: Path) -> _Record | None:
    try:
        return msgspec.json.decode((work_dir / _RECORD).read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return None  # never finished, or recorded by another version of the gate


def _still_holds(record: _Record, work_dir: Path, store: Store) -> bool:
    checkpoint = work_dir / record.checkpoint
    expected = {Path(path): sha256 for path, sha256 in record.files.items()}
    return (
        record.settled
        and record.versions == package_versions()
        and all(os.environ.get(name) == held for name, held in record.environment.items())
        and file_digests([checkpoint], store)[checkpoint] == record.sha256
        and file_digests(expected, store) == expected
    )


def _trained(
    config: Path, work_dir: Path, seed: int, device: str, progress: Progress, store: Store
) -> _Record:
    # Whatever happens from here on, the last finished run is no longer what the folder holds.
    (work_dir / _RECORD).unlink(missing_ok=True)
    started = time.time_ns()
    with (
        (work_dir / _LOG).open("wb") as log,
        _start(config, work_dir, seed, device, log) as process,
    ):
        try:
            outcome, error = _listen(process, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_SECONDS)
        finally:  # also when interrupted: training must not go on unseen
            _end(process)
    if outcome is None:
        raise DetectorError(_failure(error, process.returncode, work_dir / _LOG))
    checkpoint = Path(outcome.checkpoint)
    require_checkpoint(checkpoint)
    files = [Path(path) for path in outcome.files]
    answers = file_digests([checkpoint, *files], store, progress)
    settled = all(isinstance(answers[path], str) and signature(path)[1] < started for path in files)
    record = _Record(
        config=str(config.absolute()),
        seed=seed,
        device=outcome.device,
        randomness=outcome.randomness,
        files={str(path): str(answers[path]) for path in files},
        environment=outcome.environment,
        versions=package_versions(),
        settled=settled,
        checkpoint=os.path.relpath(checkpoint, work_dir),
        sha256=str(answers[checkpoint]),
        scalars=None if outcome.scalars is None else os.path.relpath(outcome.scalars, work_dir),
    )
    aside = work_dir / f"{_RECORD}.{os.getpid()}"
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    aside.replace(work_dir / _RECORD)
    return record


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
