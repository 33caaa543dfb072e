"""The SQLite file of the cache: its tables, and how it is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

CACHE_FILE = "detections.sqlite"

# The name of a table ends in the number of its layout, so that two versions of the gate can share a
# file. When one of them prunes, it drops the tables that only the other reads.
DETECTIONS, FILES, HASHES, MODELS = "detections_2", "files_2", "hashes_1", "models_1"

KEYS = {
    DETECTIONS: ("model", "image"),
    FILES: ("path",),
    HASHES: ("kind", "image"),
    MODELS: ("request",),
}
"""The key columns of each table. All tables have `check_sum` and `last_used` too."""

# Columns that are read in all rows come before those that may be large.
_COLUMNS = {
    DETECTIONS: "model TEXT NOT NULL, image TEXT NOT NULL, device TEXT NOT NULL",
    FILES: "path BLOB NOT NULL, signature TEXT NOT NULL, sha256 TEXT NOT NULL",
    HASHES: "kind TEXT NOT NULL, image TEXT NOT NULL, hash BLOB NOT NULL",
    MODELS: "request TEXT NOT NULL, facts BLOB NOT NULL",
}
_MARKS = "check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL"
_BUSY_SECONDS = 60.0
SYNCHRONOUS = "NORMAL"
"""A commit then survives the death of the process, but not a power cut; the check sums find what
that has damaged."""


def _schema() -> str:
    statements = []
    for table, keys in KEYS.items():
        key = f"PRIMARY KEY ({', '.join(keys)})"
        last, form = ("data BLOB NOT NULL, ", "") if table == DETECTIONS else ("", "WITHOUT ROWID")
        statements += [
            f"CREATE TABLE IF NOT EXISTS {table} ({_COLUMNS[table]}, {_MARKS}, {last}{key}) {form}",
            f"CREATE INDEX IF NOT EXISTS {table}_by_use ON {table} (last_used)",
        ]
    return ";".join(statements)


_SCHEMA = _schema()
_MADE = [name for table in KEYS for name in (table, f"{table}_by_use")]
_COUNT = f"SELECT COUNT(*) FROM sqlite_master WHERE name IN ({', '.join('?' * len(_MADE))})"


@contextlib.contextmanager
def opened(
    path: Path, *, create: bool, patience_s: float = _BUSY_SECONDS
) -> Iterator[sqlite3.Connection]:
    """Connect to the file, outside of a transaction; wait `patience_s` for other processes.

    Without `create` the file must exist, and a table that nobody has written to may be missing.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(
        sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=patience_s,
            isolation_level=None,
        )
    ) as connection:
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        if create:
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # Free space can then be returned to the system in steps.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            if connection.execute(_COUNT, _MADE).fetchone() != (len(_MADE),):
                # One wait for the disk, and not one for each table and each index.
                connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA};COMMIT")
        yield connection
