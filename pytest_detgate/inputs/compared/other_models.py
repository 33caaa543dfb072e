"""The models that the gated one is compared with, as the user names them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.errors import DataError
from pytest_detgate.inputs.detections.sources import DetectionSource, file_sha256
from pytest_detgate.regular_file import real_path


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherModels:
    """A baseline and a sweep, neither of which need be named.

    `baseline` is a checkpoint or the `report.json` of an earlier run, which need not exist where
    `may_be_missing`; `sweep` is a pattern for checkpoints that wins over the one in a rule's
    table; both are absolute. `of_baseline` and `of_epoch` make the detections of a checkpoint; a
    `DetgateError` of theirs says why there can be none. `cache_dir` is the folder of the cache,
    which has the digests of checkpoints. `record` is the record of this run, and `earlier` a copy
    of what was there before it: that may be the baseline.
    """

    of_baseline: Callable[[Path], DetectionSource]
    of_epoch: Callable[[Path], DetectionSource]
    baseline: Path | None = None
    may_be_missing: bool = False
    sweep: str | None = None
    cache_dir: Path | None = None
    record: Path | None = None
    earlier: Path | None = None

    def readable(self, path: Path) -> Path:
        """Where to read a file: the record of this run says nothing yet."""
        is_own = self.record is not None and real_path(path) == real_path(self.record)
        return self.earlier if is_own and self.earlier is not None else path

    def sha256(self, checkpoint: Path) -> str:
        """The SHA-256 of a checkpoint; nothing of it is loaded."""
        if self.cache_dir is None:
            return file_sha256(checkpoint)
        from pytest_detgate.cache.cache import Cache
        from pytest_detgate.cache.digests import file_digest
        from pytest_detgate.cache.sqlite_file import CACHE_FILE

        try:
            return file_digest(checkpoint, Cache(self.cache_dir / CACHE_FILE))
        except OSError as error:
            raise DataError(str(error)) from error

    def checkpoints(self, pattern: str | None) -> list[Path]:
        """The checkpoints of the sweep: those that the command line names, or else those of the
        `pattern`; epoch_2 comes before epoch_10."""
        wanted = self.sweep or pattern
        if wanted is None:
            raise DataError(
                "there are no other checkpoints to compare with: name them with --detgate-sweep, "
                "or with checkpoints in the rule's table, as in 'work_dirs/x/epoch_*.pth'"
            )
        paths = matching_files(wanted)
        if not paths:
            raise DataError(f"{wanted}: there are no such checkpoints")
        return paths


def pattern_in(folder: Path, pattern: str) -> str:
    """A pattern for files that is relative to a folder with any characters in its name."""
    return os.path.join(glob.escape(str(folder)), os.path.expanduser(pattern))  # noqa: PTH111, PTH118


def matching_files(pattern: str) -> list[Path]:
    """The files that match a pattern, numbers in their names in the order of numbers."""
    paths = (Path(name) for name in glob.glob(pattern, recursive=True))  # noqa: PTH207
    return sorted((path for path in paths if path.is_file()), key=lambda path: by_number(str(path)))


def by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts `epoch_2` before `epoch_10`."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
