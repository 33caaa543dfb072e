"""Tables of annotation files that earlier runs have read, by the content of the file.

They only ever save work: an entry that is missing or damaged, or a folder that cannot be written,
means that the file is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_detgate.cache.digests import file_digest, keep_digest, signature
from pytest_detgate.cache.sqlite_file import STORE_FILE
from pytest_detgate.cache.store import Store
from pytest_detgate.cache.table_file import read_classes, read_tables, write_tables
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.locks import lock_if_possible

_FOLDER = "tables"
_SUFFIX = ".tables"
# A smaller file is read as fast as it is looked up.
_WORTH_KEEPING = 1 << 22
_PATIENCE_SECONDS = 600
# Whoever was writing has been killed.
_ABANDONED_SECONDS = 3600


class KeptTables:
    """The kept tables in a folder that all processes of a run, and later runs, share."""

    def __init__(self, store: Path, *, worth_keeping: int = _WORTH_KEEPING) -> None:
        self._folder = store / _FOLDER
        self._digests = Store(store / STORE_FILE)
        self._worth_keeping = worth_keeping

    def read(
        self, path: Path, image_fields: tuple[str, ...], read: Callable[[], Dataset]
    ) -> Dataset:
        """What `read` makes of an annotation file, with those image fields; kept if need be."""
        try:
            before = signature(path)
        except OSError:
            return read()  # which says what is wrong
        if before.size < self._worth_keeping:
            return read()
        # One process reads a file while others wait to use what it keeps.
        with lock_if_possible(self._lock_file(path), patience_s=_PATIENCE_SECONDS):
            kept = self._kept(path, before.size, image_fields)
            if kept is not None:
                return kept
            read_at = time.time_ns()
            dataset = read()
            with contextlib.suppress(OSError):
                if dataset.sha256 and signature(path) == before:
                    self._keep(before.size, image_fields, dataset)
                    keep_digest(path, before, read_at, dataset.sha256, self._digests)
        return dataset

    def classes(self, path: Path) -> tuple[str, ...] | None:
        """The class names of an annotation file, if its tables are kept."""
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            digest = self._digest(path, size)
            entries = self._folder.glob(f"{size}-{digest}-*{_SUFFIX}") if digest else ()
            for entry in sorted(entries):
                classes = read_classes(entry)
                if classes is not None:
                    return classes
        return None

    def _kept(self, path: Path, size: int, image_fields: tuple[str, ...]) -> Dataset | None:
        digest = self._digest(path, size)
        if digest is None:
            return None
        entry = self._entry(size, digest, image_fields)
        dataset = read_tables(entry)
        if dataset is None or dataset.sha256 != digest:
            return None
        with contextlib.suppress(OSError):
            os.utime(entry)
        return dataset

    def _digest(self, path: Path, size: int) -> str | None:
        """The digest of a file that may be kept; one that cannot be is not even read for it."""
        with contextlib.suppress(OSError):
            if any(self._folder.glob(f"{size}-*{_SUFFIX}")):
                return file_digest(path, self._digests)
        return None

    def _keep(self, size: int, image_fields: tuple[str, ...], dataset: Dataset) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        assert dataset.sha256 is not None
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            write_tables(dataset, self._entry(size, dataset.sha256, image_fields))

    def _entry(self, size: int, digest: str, image_fields: tuple[str, ...]) -> Path:
        fields = hashlib.sha256("\0".join(sorted(image_fields)).encode()).hexdigest()[:16]
        return self._folder / f"{size}-{digest}-{fields}{_SUFFIX}"

    def _lock_file(self, path: Path) -> Path:
        name = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:16]  # noqa: PTH100
        return self._folder / f"{name}.lock"


class TablesFile(NamedTuple):
    """A file of kept tables; `last_used` in seconds since 1970."""

    last_used: float
    size: int
    path: Path


def tables_files(store: Path) -> list[TablesFile]:
    """The kept tables of a store, those used last first."""
    files = []
    for path in (store / _FOLDER).glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append(TablesFile(status.st_mtime, status.st_size, path))
    return sorted(files, reverse=True)


def drop_tables(store: Path, *, max_bytes: float, unused_since: float) -> None:
    """Drop what was not used since then, and beyond a total size what was used least lately; also
    what a killed process left half written. Raises OSError where that cannot be done."""
    total = 0
    for last_used, size, path in tables_files(store):
        total += size
        if total > max_bytes or last_used < unused_since:
            path.unlink(missing_ok=True)
    for path in (store / _FOLDER).glob(f".*{_SUFFIX}.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink()
