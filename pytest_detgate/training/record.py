"""What is written down of a finished training run, and whether it still holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digests
from pytest_detgate.detector.dependencies.state import Dependencies, file_states
from pytest_detgate.detector.packages import package_versions
from pytest_detgate.regular_file import read_regular

_RECORD = "detgate-train.json"
LOG = "detgate-train.log"


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


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run, and everything that must be as it was for it to be used again.

    `files` are those that were read, `dependencies` all else that was looked at, `configured` is
    the digest of the resolved configuration. `settled` is false where an input changed while it
    trained. A record of an earlier release lacks some of that, and its run is not used again.
    """

    format: Literal[1] = 1
    config: str
    seed: int
    device: str
    n_processes: int = 1
    randomness: dict[str, int | bool | None]
    files: dict[str, str]
    environment: dict[str, str | None] = {}
    dependencies: Dependencies | None = None
    configured: str | None = None
    versions: dict[str, str]
    settled: bool
    checkpoint: str
    sha256: str
    scalars: str | None


def finished_run(work_dir: Path) -> TrainedRun | None:
    """The finished run that a work directory holds, without asking whether its inputs changed."""
    record = read_record(work_dir)
    if record is None or not (work_dir / record.checkpoint).is_file():
        return None
    return trained_run(record, work_dir, reused=True)


def trained_run(record: TrainingRecord, work_dir: Path, *, reused: bool) -> TrainedRun:
    """The run that a record describes."""
    return TrainedRun(
        checkpoint=work_dir / record.checkpoint,
        sha256=record.sha256,
        seed=record.seed,
        device=record.device,
        log=work_dir / LOG,
        scalars=None if record.scalars is None else work_dir / record.scalars,
        reused=reused,
    )


def read_record(work_dir: Path) -> TrainingRecord | None:
    """The record of the finished run that a work directory holds."""
    try:
        return msgspec.json.decode(read_regular(work_dir / _RECORD), type=TrainingRecord)
    except (OSError, msgspec.MsgspecError):
        return None  # never finished, or recorded by another version of the gate


def write_record(record: TrainingRecord, work_dir: Path) -> None:
    """Write the record; a run is finished from then on."""
    aside = work_dir / f"{_RECORD}.{os.getpid()}"
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    aside.replace(work_dir / _RECORD)


def drop_record(work_dir: Path) -> None:
    """Forget the last finished run: the folder is about to hold another."""
    (work_dir / _RECORD).unlink(missing_ok=True)


def still_holds(
    record: TrainingRecord, work_dir: Path, configured: str | None, cache: Cache
) -> bool:
    """Tell whether a run with the same inputs would be trained from the same things; `configured`
    is the digest of the configuration as it is now."""
    checkpoint = work_dir / record.checkpoint
    return (
        record.settled
        and record.dependencies is not None
        and configured is not None
        and record.configured == configured
        and record.versions == package_versions()
        and file_digests([checkpoint], cache)[checkpoint] == record.sha256
        and record.dependencies.hold(cache, by_kind=True)
        and file_states(record.files, cache) == record.files
    )
