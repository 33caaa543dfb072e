"""The file of the store: its tables, and how it is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

STORE_FILE = "detections.sqlite"

# Tables carry the number of their layout, so that two versions of the gate can share a file; each
# drops what only the other reads when it prunes.
DETECTIONS, FILES, HASHES, MODELS = "detections_2", "files_2", "hashes_1", "models_1"

KEYS = {
    DETECTIONS: ("model", "image"),
    FILES: ("path",),
    HASHES: ("kind", "image"),
    MODELS: ("request",),
}
"""The tables and what a row of each is found by. All have `check_sum` and `last_used` too."""

# The columns that are looked at in all rows stand before those that may be large.
_COLUMNS = {
    DETECTIONS: "model TEXT NOT NULL, image TEXT NOT NULL, device TEXT NOT NULL",
    FILES: "path BLOB NOT NULL, signature TEXT NOT NULL, sha256 TEXT NOT NULL",
    HASHES: "kind TEXT NOT NULL, image TEXT NOT NULL, hash BLOB NOT NULL",
    MODELS: "request TEXT NOT NULL, facts BLOB NOT NULL",
}
_MARKS = "check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL"
_BUSY_SECONDS = 60.0


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


@contextlib.contextmanager
def opened(
    path: Path, *, create: bool, patience_s: float = _BUSY_SECONDS
) -> Iterator[sqlite3.Connection]:
    """A connection to the store, outside of a transaction; waits `patience_s` for other processes.

    Without `create` the file must be there, and a table that nobody has written to may not be.
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
        # A commit then survives the death of the process, if not that of the machine; what a
        # power cut may damage, the check sums find.
        connection.execute("PRAGMA synchronous = NORMAL")
        if create:
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # Room that becomes free can be given back bit by bit.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.executescript(_SCHEMA)
        yield connection
