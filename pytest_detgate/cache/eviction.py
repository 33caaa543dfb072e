"""What the store holds, and how it is kept small.

Rows go in small transactions and the file's free room is given back piece by piece, so that other
gates go on meanwhile and a kill is harmless. Whoever misses a row that has gone infers again.
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
# A store over its size is brought well below it, so that not every run has to.
_LEFT_SHARE = 0.9
_OLD = "last_used < ?"
_LEAST_LATELY = "true ORDER BY last_used"


@dataclass(frozen=True, slots=True)
class KeptModel:
    """Detections of one model: `key` as in `ModelInfo`, `last_used` in seconds since 1970."""

    key: str
    images: int
    size: int
    last_used: int


@dataclass(frozen=True, slots=True)
class StoreContents:
    """What a store holds; `facts` are those of `Store.keep_facts`, unchecked."""

    models: tuple[KeptModel, ...] = ()
    hashes: int = 0
    digests: int = 0
    facts: tuple[bytes, ...] = ()

    @property
    def rows(self) -> int:
        """Entries of every kind."""
        return sum(model.images for model in self.models) + (
            self.hashes + self.digests + len(self.facts)
        )


def store_contents(path: Path) -> StoreContents:
    """Count what is in the file, which need not exist; raises sqlite3.Error where it cannot be
    read."""
    if not path.exists():
        return StoreContents()
    with opened(path, create=True) as connection:
        models = connection.execute(
            f"SELECT model, count(*), sum(length(data)), max(last_used) FROM {DETECTIONS} "
            "GROUP BY model ORDER BY max(last_used) DESC"
        ).fetchall()
        (hashes,) = connection.execute(f"SELECT count(*) FROM {HASHES}").fetchone()
        (digests,) = connection.execute(f"SELECT count(*) FROM {FILES}").fetchone()
        facts = connection.execute(f"SELECT facts FROM {MODELS}").fetchall()
    return StoreContents(
        tuple(KeptModel(*row) for row in models), hashes, digests, tuple(row[0] for row in facts)
    )


def evict(path: Path, *, max_bytes: float, unused_since: float) -> None:
    """Drop what was not used since then, and while the file is larger than `max_bytes` what was
    used least lately. Raises sqlite3.Error and OSError where it cannot be done."""
    if not path.exists():
        return
    with opened(path, create=True) as connection:
        _drop_other_layouts(connection)
        # Of a file that another version made. Of any other it changes nothing.
        _make_shrinkable(connection)
        for table in KEYS:
            # Asked first: to delete, even nothing, is to wait for whoever is writing.
            old = f"SELECT 1 FROM {table} WHERE {_OLD} LIMIT 1"
            while connection.execute(old, [unused_since]).fetchone():
                if not _drop_rows(connection, table, _OLD, [unused_since], _ROWS_AT_ONCE):
                    break
        if _used_bytes(connection) > max_bytes:
            while (excess := _used_bytes(connection) - _LEFT_SHARE * max_bytes) > 0:
                # Fewer and fewer towards the end: no more shall go than has to.
                count = min(_ROWS_AT_ONCE, 1 + int(excess) // 4096)
                if not _drop_rows(connection, _oldest(connection), _LEAST_LATELY, [], count):
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
    """Empty the store; a file that is damaged is deleted. Raises as `evict` does."""
    if not path.exists():
        return
    try:
        with opened(path, create=True) as connection:
            # Not by deleting the file: another gate may be writing to it, and its journal would
            # be taken for that of the file that comes next.
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
    """The table whose row was used least lately."""
    times = {}
    for table in KEYS:
        query = f"SELECT last_used FROM {table} ORDER BY last_used LIMIT 1"
        for (last_used,) in connection.execute(query).fetchall():
            times[table] = last_used if isinstance(last_used, int) else 0
    return min(times, key=times.__getitem__, default=DETECTIONS)


def _drop_rows(
    connection: sqlite3.Connection, table: str, which: str, values: Sequence[object], count: int
) -> int:
    """Drop at most `count` rows and return how many there were to drop."""
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
