"""Cached tables of annotation files, by the content of the file.

The cache only saves work: if an entry is missing or damaged, or the folder cannot be written, the
file is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import add_digest, file_digest, signature
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.cache.table_file import read_classes, read_tables, write_tables
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.locks import lock_if_possible

_FOLDER = "tables"
_SUFFIX = ".tables"
# Reading a smaller file takes no longer than looking it up.
_MIN_BYTES = 1 << 22
_PATIENCE_SECONDS = 600
# After this time the process that was writing has been killed.
_ABANDONED_SECONDS = 3600


class CachedTables:
    """The cached tables in a folder that all processes of a run, and later runs, share."""

    def __init__(self, cache_dir: Path, *, min_bytes: int = _MIN_BYTES) -> None:
        self._folder = cache_dir / _FOLDER
        self._cache = Cache(cache_dir / CACHE_FILE)
        self._min_bytes = min_bytes

    def read(
        self, path: Path, image_fields: tuple[str, ...], read: Callable[[], Dataset]
    ) -> Dataset:
        """Return the tables of an annotation file with those image fields.

        They come from the cache, else from `read`.
        """
        try:
            before = signature(path)
        except OSError:
            return read()  # which raises the error
        if before.size < self._min_bytes:
            return read()
        # One process reads a file while the others wait for its result.
        with lock_if_possible(self._lock_file(path), patience_s=_PATIENCE_SECONDS):
            cached = self._load(path, before.size, image_fields)
            if cached is not None:
                return cached
            read_at = time.time_ns()
            dataset = read()
            with contextlib.suppress(OSError):
                if dataset.sha256 and signature(path) == before:
                    self._write(before.size, image_fields, dataset)
                    add_digest(path, before, read_at, dataset.sha256, self._cache)
        return dataset

    def classes(self, path: Path) -> tuple[tuple[str, ...], tuple[str | None, ...]] | None:
        """Return class names and supercategories of an annotation file, if its tables are
        cached."""
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            digest = self._digest(path, size)
            entries = self._folder.glob(f"{size}-{digest}-*{_SUFFIX}") if digest else ()
            for entry in sorted(entries):
                classes = read_classes(entry)
                if classes is not None:
                    return classes
        return None

    def _load(self, path: Path, size: int, image_fields: tuple[str, ...]) -> Dataset | None:
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
        """Return the digest of a file; None, without reading it, if no entry has its size."""
        with contextlib.suppress(OSError):
            if any(self._folder.glob(f"{size}-*{_SUFFIX}")):
                return file_digest(path, self._cache)
        return None

    def _write(self, size: int, image_fields: tuple[str, ...], dataset: Dataset) -> None:
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
    """A file of cached tables; `last_used` in seconds since 1970."""

    last_used: float
    size: int
    path: Path


def list_tables(cache_dir: Path) -> list[TablesFile]:
    """List the cached tables, those used last first."""
    files = []
    for path in (cache_dir / _FOLDER).glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append(TablesFile(status.st_mtime, status.st_size, path))
    return sorted(files, reverse=True)


def drop_tables(cache_dir: Path, *, max_bytes: float, unused_since: float) -> None:
    """Drop tables that were not used since then, and the least recently used beyond a total size.

    Files that a killed process left half written are removed too. Raises OSError if a file cannot
    be removed.
    """
    total = 0
    for last_used, size, path in list_tables(cache_dir):
        total += size
        if total > max_bytes or last_used < unused_since:
            path.unlink(missing_ok=True)
    for path in (cache_dir / _FOLDER).glob(f".*{_SUFFIX}.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink()
