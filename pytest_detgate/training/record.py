"""The record of a finished training run, and whether its inputs are unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digests
from pytest_detgate.detector.dependencies.state import Dependencies, file_states
from pytest_detgate.detector.packages import package_versions
from pytest_detgate.regular_file import read_regular

_RECORD = "detgate-train.json"
LOG = "detgate-train.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun:
    """A finished training run; `scalars` is MMEngine's log of losses and metrics, if there is one.

    `reused` says that nothing was trained, because this finished run has the same inputs. `notes`
    say why later runs will not reuse it.
    """

    checkpoint: Path
    sha256: str
    seed: int
    device: str
    log: Path
    scalars: Path | None
    reused: bool
    notes: tuple[str, ...] = ()


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run, and everything that must be unchanged for it to be reused.

    `files` are those that were read, `dependencies` everything else that it depends on,
    `configured` is the digest of the resolved configuration. `settled` is false if an input changed
    during training. Records of earlier releases lack some fields, and their runs are not reused.
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
    """Return the finished run of a work directory, whether or not its inputs have changed."""
    record = read_record(work_dir)
    if record is None or not (work_dir / record.checkpoint).is_file():
        return None
    return trained_run(record, work_dir, reused=True)


def trained_run(record: TrainingRecord, work_dir: Path, *, reused: bool) -> TrainedRun:
    """Return the run that a record describes."""
    return TrainedRun(
        checkpoint=work_dir / record.checkpoint,
        sha256=record.sha256,
        seed=record.seed,
        device=record.device,
        log=work_dir / LOG,
        scalars=None if record.scalars is None else work_dir / record.scalars,
        reused=reused,
        notes=tuple(
            f"every run trains again: the training has unrecorded dependencies: {reason}"
            for reason in (record.dependencies.hidden[:1] if record.dependencies else ())
        ),
    )


def read_record(work_dir: Path) -> TrainingRecord | None:
    """Read the record of the finished run in a work directory; None without one."""
    try:
        return msgspec.json.decode(read_regular(work_dir / _RECORD), type=TrainingRecord)
    except (OSError, msgspec.MsgspecError):
        return None  # not finished, or recorded by another version of the gate


def write_record(record: TrainingRecord, work_dir: Path) -> None:
    """Write the record, which makes the run a finished one."""
    content = msgspec.json.format(msgspec.json.encode(record))
    write_whole(work_dir / _RECORD, content)


def drop_record(work_dir: Path) -> None:
    """Remove the record of the last run, before the next one."""
    (work_dir / _RECORD).unlink(missing_ok=True)


def is_current(
    record: TrainingRecord, work_dir: Path, configured: str | None, cache: Cache
) -> bool:
    """Return whether nothing has changed that the run was trained from.

    `configured` is the digest of the configuration as it is now.
    """
    checkpoint = work_dir / record.checkpoint
    return (
        record.settled
        and record.dependencies is not None
        and not record.dependencies.hidden
        and bool(record.dependencies.packages)  # earlier releases did not record them
        and configured is not None
        and record.configured == configured
        and record.versions == package_versions()
        and file_digests([checkpoint], cache)[checkpoint] == record.sha256
        and record.dependencies.are_unchanged(cache, by_kind=True)
        and file_states(record.files, cache) == record.files
    )
