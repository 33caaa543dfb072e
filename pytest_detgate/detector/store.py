"""What earlier runs computed, in one SQLite file that several processes share.

The store only ever saves work. Whatever is wrong with the file (full disk, no permission,
damage), the answer is "not kept", with a note that says so once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pytest_detgate.detector.protocol import ImageDetections

Result = TypeVar("Result")
Item = TypeVar("Item")

STORE_FILE = "detections.sqlite"

# Tables carry the number of their layout, so that two versions of the gate can share a file.
_TABLES = """
CREATE TABLE IF NOT EXISTS files_1 (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, sha256 TEXT NOT NULL, last_used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models_1 (
    request TEXT PRIMARY KEY, facts BLOB NOT NULL, check_sum INTEGER NOT NULL,
    last_used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS detections_1 (
    model TEXT NOT NULL, image TEXT NOT NULL, device TEXT NOT NULL, data BLOB NOT NULL,
    check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, PRIMARY KEY (model, image)
);
CREATE TABLE IF NOT EXISTS hashes_1 (
    kind TEXT NOT NULL, image TEXT NOT NULL, hash BLOB NOT NULL,
    check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, PRIMARY KEY (kind, image)
) WITHOUT ROWID;
"""
_CHUNK = 500  # SQLite of old takes no more than 999 values in a statement
_BUSY_SECONDS = 60
_DAY = 86_400
_BYTES_PER_BOX = 24  # four corners, a score and a label of four bytes each


class Store:
    """Detections, picture hashes, file digests and facts about models, by content.

    Opens the file anew for each batch of work: a connection must not be carried into a forked
    process, and a file that was deleted meanwhile is simply an empty store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._readable = True
        self._writable = True

    def detections(
        self, model: str, images: Iterable[str]
    ) -> Iterator[tuple[str, str, ImageDetections]]:
        """Yield image digest, device and detections of those images that are kept."""
        for chunk in chunked(images, _CHUNK):
            for image, device, data, check_sum in self._select(
                "SELECT image, device, data, check_sum FROM detections_1 "
                f"WHERE model = ? AND image IN ({_marks(chunk)})",
                [model, *chunk],
            ):
                # A damaged entry is as good as none.
                if isinstance(data, bytes) and check_sum == _check_sum(data, model, image, device):
                    yield image, device, _unpacked(data)

    def keep(
        self, model: str, device: str, detections: Iterable[tuple[str, ImageDetections]]
    ) -> None:
        """Keep detections by image digest; what was kept before is replaced."""
        now = int(time.time())
        rows = []
        for image, found in detections:
            data = _packed(found)
            check_sum = _check_sum(data, model, image, device)
            rows.append((model, image, device, data, check_sum, now))
        self._write("INSERT OR REPLACE INTO detections_1 VALUES (?, ?, ?, ?, ?, ?)", rows)

    def mark_used(self, model: str, images: Iterable[str]) -> None:
        """Note that detections are still in use, at most once a day for each."""
        now = int(time.time())
        for chunk in chunked(images, _CHUNK):
            where = f"model = ? AND last_used < ? AND image IN ({_marks(chunk)})"
            values = [model, now - _DAY, *chunk]
            if self._select(f"SELECT 1 FROM detections_1 WHERE {where} LIMIT 1", values):
                self._write(
                    f"UPDATE detections_1 SET last_used = ? WHERE {where}", [[now, *values]]
                )

    def facts(self, request: str) -> bytes | None:
        """What is known of a model, as it was kept under that request."""
        for facts, check_sum in self._select(
            "SELECT facts, check_sum FROM models_1 WHERE request = ?", [request]
        ):
            if isinstance(facts, bytes) and check_sum == _check_sum(facts, request):
                return facts
        return None

    def keep_facts(self, request: str, facts: bytes) -> None:
        """Keep what is known of a model."""
        row = (request, facts, _check_sum(facts, request), int(time.time()))
        self._write("INSERT OR REPLACE INTO models_1 VALUES (?, ?, ?, ?)", [row])

    def file_digests(self, paths: Iterable[str]) -> Iterator[tuple[str, tuple[int, int, int], str]]:
        """Yield path, signature (size, mtime_ns, inode) and SHA-256 of files hashed before."""
        for chunk in chunked(paths, _CHUNK):
            for path, size, mtime_ns, inode, sha256 in self._select(
                "SELECT path, size, mtime_ns, inode, sha256 FROM files_1 "
                f"WHERE path IN ({_marks(chunk)})",
                chunk,
            ):
                yield path, (size, mtime_ns, inode), sha256

    def keep_file_digests(self, digests: Iterable[tuple[str, tuple[int, int, int], str]]) -> None:
        """Keep the digests of files by path and signature."""
        now = int(time.time())
        rows = [(path, *signature, sha256, now) for path, signature, sha256 in digests]
        self._write("INSERT OR REPLACE INTO files_1 VALUES (?, ?, ?, ?, ?, ?)", rows)

    def picture_hashes(self, kind: str, images: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Yield image digest and 64-bit hash of those images whose hash of that kind is kept."""
        for chunk in chunked(images, _CHUNK):
            for image, value, check_sum in self._select(
                "SELECT image, hash, check_sum FROM hashes_1 "
                f"WHERE kind = ? AND image IN ({_marks(chunk)})",
                [kind, *chunk],
            ):
                if isinstance(value, bytes) and check_sum == _check_sum(value, kind, image):
                    yield image, int.from_bytes(value, "big")

    def keep_picture_hashes(self, kind: str, hashes: Iterable[tuple[str, int]]) -> None:
        """Keep 64-bit hashes of one kind by image digest."""
        now = int(time.time())
        rows = []
        for image, number in hashes:
            value = number.to_bytes(8, "big")
            rows.append((kind, image, value, _check_sum(value, kind, image), now))
        self._write("INSERT OR REPLACE INTO hashes_1 VALUES (?, ?, ?, ?, ?)", rows)

    def _select(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if not self._readable:
            return []

        def select(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(statement, values).fetchall()

        try:
            return self._with(select)
        except (sqlite3.Error, OSError) as error:
            self._readable = self._writable = False
            self._note(f"nothing kept can be used: {self.path}: {error}")
            return []

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if not self._writable or not rows:
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany(statement, rows)

        try:
            self._with(write)
        except (sqlite3.Error, OSError) as error:
            self._writable = False
            self._note(f"this run's detections are not kept: {self.path}: {error}")

    def _with(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self.connected() as connection:
            return work(connection)

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """Open the file, made if need be; raises `sqlite3.Error` or `OSError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(
            sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as connection:
            # A commit then survives the death of the process, if not that of the machine; what
            # a power cut may damage, the check sums find.
            connection.execute("PRAGMA synchronous = NORMAL")
            # Of a new file only: free pages can then be given back to the disk.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.executescript(_TABLES)
            yield connection

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _packed(found: ImageDetections) -> bytes:
    return b"".join(
        (
            found.xyxy.astype("<f4", copy=False).tobytes(),
            found.score.astype("<f4", copy=False).tobytes(),
            found.label.astype("<i4", copy=False).tobytes(),
        )
    )


def _unpacked(data: bytes) -> ImageDetections:
    n = len(data) // _BYTES_PER_BOX
    return ImageDetections(
        xyxy=np.frombuffer(data, "<f4", 4 * n).reshape(n, 4),
        score=np.frombuffer(data, "<f4", n, offset=16 * n),
        label=np.frombuffer(data, "<i4", n, offset=20 * n),
    )


def _check_sum(data: bytes, *key: str) -> int:
    return zlib.crc32(data, zlib.crc32("\0".join(key).encode()))
