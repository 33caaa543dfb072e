"""Contents of the SQLite file, and the removal of old rows.

Rows are removed in small transactions, and free space is returned in steps, so that other gates
can work at the same time and a kill is harmless. A gate that misses a removed row infers again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.cache.sqlite_file import DETECTIONS, FILES, HASHES, KEYS, MODELS, opened

_ROWS_AT_ONCE = 500
_PAGES_AT_ONCE = 2000
# Eviction goes well below the limit, so that not every run has to evict.
_LEFT_SHARE = 0.9
_OLD = "last_used < ?"
_LEAST_RECENT = "true ORDER BY last_used"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """Detections of one model: `key` as in `ModelInfo`, `last_used` in seconds since 1970."""

    key: str
    images: int
    size: int
    last_used: int


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    """Numbers of cached rows; `facts` are those of `Cache.add_facts`, unchecked."""

    models: tuple[CachedModel, ...] = ()
    hashes: int = 0
    digests: int = 0
    facts: tuple[bytes, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows of all kinds."""
        return sum(model.images for model in self.models) + (
            self.hashes + self.digests + len(self.facts)
        )


def read_database(path: Path) -> DatabaseContents:
    """Count the rows of the file, which need not exist; raises sqlite3.Error if that fails."""
    if not path.exists():
        return DatabaseContents()
    with opened(path, create=True) as connection:
        models = connection.execute(
            f"SELECT model, count(*), sum(length(data)), max(last_used) FROM {DETECTIONS} "
            "GROUP BY model ORDER BY max(last_used) DESC"
        ).fetchall()
        (hashes,) = connection.execute(f"SELECT count(*) FROM {HASHES}").fetchone()
        (digests,) = connection.execute(f"SELECT count(*) FROM {FILES}").fetchone()
        facts = connection.execute(f"SELECT facts FROM {MODELS}").fetchall()
    return DatabaseContents(
        tuple(CachedModel(*row) for row in models), hashes, digests, tuple(row[0] for row in facts)
    )


def evict(path: Path, *, max_bytes: float, unused_since: float) -> None:
    """Drop rows that were not used since then, and while the file is larger than `max_bytes` the
    least recently used ones. Raises sqlite3.Error and OSError."""
    if not path.exists():
        return
    with opened(path, create=True) as connection:
        _drop_other_layouts(connection)
        # Has an effect on files of earlier versions only.
        _make_shrinkable(connection)
        for table in KEYS:
            # Asked first: even to delete nothing waits for other writers.
            old = f"SELECT 1 FROM {table} WHERE {_OLD} LIMIT 1"
            while connection.execute(old, [unused_since]).fetchone():
                if not _drop_rows(connection, table, _OLD, [unused_since], _ROWS_AT_ONCE):
                    break
        if _used_bytes(connection) > max_bytes:
            while (excess := _used_bytes(connection) - _LEFT_SHARE * max_bytes) > 0:
                # Fewer and fewer towards the end, so that no more rows go than necessary.
                count = min(_ROWS_AT_ONCE, 1 + int(excess) // 4096)
                if not _drop_rows(connection, _oldest(connection), _LEAST_RECENT, [], count):
                    break
        _shrink(connection)


def drop_models(path: Path, keys: Sequence[str], requests: Sequence[str] = ()) -> None:
    """Drop all detections of these models, and facts by their request; raises as `evict` does."""
    with opened(path, create=True) as connection:
        for table, column, values in (
            (DETECTIONS, "model", keys),
            (MODELS, "request", requests),
        ):
            for value in values:
                while _drop_rows(connection, table, f"{column} = ?", [value], _ROWS_AT_ONCE):
                    pass
        _shrink(connection)


def drop_all(path: Path) -> None:
    """Drop all rows; a damaged file is deleted. Raises as `evict` does."""
    if not path.exists():
        return
    try:
        with opened(path, create=True) as connection:
            # The file is not deleted: another gate may be writing to it, and SQLite would take its
            # journal for that of the next file.
            _drop_other_layouts(connection)
            for table in KEYS:
                connection.execute(f"DELETE FROM {table}")
            _make_shrinkable(connection)
            _shrink(connection)
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise
        path.unlink()
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def _drop_other_layouts(connection: sqlite3.Connection) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (table,) in connection.execute(query).fetchall():
        if table not in KEYS:
            connection.execute(f'DROP TABLE IF EXISTS "{table}"')


def _oldest(connection: sqlite3.Connection) -> str:
    """Return the table with the least recently used row."""
    times = {}
    for table in KEYS:
        query = f"SELECT last_used FROM {table} ORDER BY last_used LIMIT 1"
        for (last_used,) in connection.execute(query).fetchall():
            times[table] = last_used if isinstance(last_used, int) else 0
    return min(times, key=times.__getitem__, default=DETECTIONS)


def _drop_rows(
    connection: sqlite3.Connection, table: str, which: str, values: Sequence[object], count: int
) -> int:
    """Drop at most `count` rows and return how many were dropped."""
    key = "rowid" if table == DETECTIONS else ", ".join(KEYS[table])
    return connection.execute(
        f"DELETE FROM {table} WHERE ({key}) IN "
        f"(SELECT {key} FROM {table} WHERE {which} LIMIT {count})",
        values,
    ).rowcount


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    if _pragma(connection, "auto_vacuum") == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        with contextlib.suppress(sqlite3.OperationalError):  # needs room for a second file
            connection.execute("VACUUM")


def _shrink(connection: sqlite3.Connection) -> None:
    free = _pragma(connection, "freelist_count")
    while free:
        # Not `execute`, which stops after the first page.
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        before, free = free, _pragma(connection, "freelist_count")
        if free >= before:  # another gate is dropping rows too, or the file cannot shrink
            break


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
