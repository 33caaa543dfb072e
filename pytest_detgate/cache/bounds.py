"""Everything that is kept between runs, as one thing with a size."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.cache.annotation_tables import TablesFile, drop_tables, tables_files
from pytest_detgate.cache.eviction import StoreContents, evict, store_contents
from pytest_detgate.cache.sqlite_file import STORE_FILE
from pytest_detgate.config.run_tables import CacheTable
from pytest_detgate.errors import DataError

DAY_SECONDS = 86_400
MEGABYTE = 10**6
# So that an annotation file of gigabytes, read anew in a minute, does not push out detections that
# took hours.
_TABLES_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class CacheContents:
    """What a store's folder holds, and the bytes that the store's own file and all take."""

    folder: Path
    store: StoreContents
    tables: tuple[TablesFile, ...]
    store_size: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.store_size + sum(file.size for file in self.tables)


def cache_contents(folder: Path) -> CacheContents:
    """Look through a store's folder; `DataError` where it cannot be read."""
    with unusable_is_an_error(folder):
        return CacheContents(
            folder,
            store_contents(folder / STORE_FILE),
            tuple(tables_files(folder)),
            _size(folder / STORE_FILE),
        )


def prune(folder: Path, limits: CacheTable) -> None:
    """Bring a store's folder within its limits. Cheap where it is within them already; raises
    sqlite3.Error and OSError where it cannot be done."""
    max_bytes = limits.max_megabytes * MEGABYTE
    unused_since = time.time() - limits.keep_days * DAY_SECONDS
    drop_tables(folder, max_bytes=_TABLES_SHARE * max_bytes, unused_since=unused_since)
    tables = sum(file.size for file in tables_files(folder))
    evict(folder / STORE_FILE, max_bytes=max_bytes - tables, unused_since=unused_since)


def prune_if_possible(folder: Path, limits: CacheTable) -> None:
    """As `prune`; what cannot be done now is left to the next run."""
    with contextlib.suppress(sqlite3.Error, OSError):
        prune(folder, limits)


@contextlib.contextmanager
def unusable_is_an_error(folder: Path) -> Iterator[None]:
    """Turn what the store and the system raise into a `DataError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DataError(f"{folder}: {error}") from error


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
