"""Size and contents of the whole cache, and the limits of `[cache]`."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.cache.annotation_tables import TablesFile, drop_tables, list_tables
from pytest_detgate.cache.eviction import DatabaseContents, evict, read_database
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.config.tables.run_tables import CacheTable
from pytest_detgate.errors import DataError

DAY_SECONDS = 86_400
MEGABYTE = 10**6
# An annotation file of gigabytes, which is read again in a minute, must not push out detections
# that took hours.
_TABLES_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class CacheContents:
    """What the folder of the cache holds: the SQLite file and its size, and the tables."""

    folder: Path
    database: DatabaseContents
    tables: tuple[TablesFile, ...]
    database_size: int

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return self.database_size + sum(file.size for file in self.tables)


def cache_contents(folder: Path) -> CacheContents:
    """Read what the folder of a cache holds; `DataError` if it cannot be read."""
    with raise_data_errors(folder):
        return CacheContents(
            folder,
            read_database(folder / CACHE_FILE),
            tuple(list_tables(folder)),
            _size(folder / CACHE_FILE),
        )


def prune(folder: Path, limits: CacheTable) -> None:
    """Drop entries until the cache is within its limits. Cheap if it is already.

    Raises sqlite3.Error and OSError.
    """
    max_bytes = limits.max_megabytes * MEGABYTE
    unused_since = time.time() - limits.keep_days * DAY_SECONDS
    drop_tables(folder, max_bytes=_TABLES_SHARE * max_bytes, unused_since=unused_since)
    tables = sum(file.size for file in list_tables(folder))
    evict(folder / CACHE_FILE, max_bytes=max_bytes - tables, unused_since=unused_since)


def prune_if_possible(folder: Path, limits: CacheTable) -> None:
    """Prune; if that fails now, the next run does it."""
    with contextlib.suppress(sqlite3.Error, OSError):
        prune(folder, limits)


@contextlib.contextmanager
def raise_data_errors(folder: Path) -> Iterator[None]:
    """Raise errors of SQLite and of the system as a `DataError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DataError(f"{folder}: {error}") from error


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
