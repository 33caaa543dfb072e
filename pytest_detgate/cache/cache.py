"""Results of earlier runs, in one SQLite file that several processes share.

The cache only saves work. If the file cannot be used (full disk, no permission, damage), nothing
is found in it, and a note says so once.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pytest_detgate.cache.sqlite_file import (
    DETECTIONS,
    FILES,
    HASHES,
    KEYS,
    MODELS,
    opened,
)
from pytest_detgate.detections import ImageDetections

Item = TypeVar("Item")

_CHUNK = 500  # SQLite of old takes no more than 999 values in a statement
_TOUCHED_AT_ONCE = 20_000
# Precision of the time of last use: a row that is used again sooner is not written.
_TOUCH_SECONDS = 3600
# Time without another attempt after a failure: until then the disk may have room again.
_REST_SECONDS = 60.0
_TOUCH_PATIENCE = 1.0
_BYTES_PER_BOX = 24  # four corners, a score and a label of four bytes each
_SIZE = struct.Struct("<2i")  # behind the boxes that are to be cut at the edges of an image


class Cache:
    """Detections, looks of images, file digests and facts about models, by content.

    Opens the file for each batch of work: a forked process must not inherit a connection, and a
    file that was deleted in the meantime counts as an empty cache. Rows that are read are marked as
    used, to the hour.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._read_after = -math.inf
        self._write_after = -math.inf

    def detections(
        self, model: str, images: Iterable[str]
    ) -> Iterator[tuple[str, str, ImageDetections]]:
        """Yield image digest, device and detections of the images that are cached."""
        rows = self._rows(DETECTIONS, "device, data", images, model)
        for image, check_sum, device, data in rows:
            is_sound = _is_sound(check_sum, data, model, image, device)
            if is_sound and len(data) % _BYTES_PER_BOX in (0, _SIZE.size):
                yield image, device, _unpacked(data)

    def add_detections(
        self, model: str, device: str, detections: Iterable[tuple[str, ImageDetections]]
    ) -> None:
        """Write detections by image digest; earlier ones are replaced."""
        now = int(time.time())
        rows = []
        for image, boxes in detections:
            data = _packed(boxes)
            check_sum = _check_sum(data, model, image, device)
            rows.append((model, image, device, check_sum, now, data))
        self._insert(DETECTIONS, rows)

    def drop_detections(self, model: str) -> None:
        """Remove the detections of a model."""
        if not self.path.exists() or time.monotonic() < self._write_after:
            return
        try:
            with opened(self.path, create=False) as connection:
                _run(connection, f"DELETE FROM {DETECTIONS} WHERE model = ?", [(model,)])
        except (sqlite3.Error, OSError) as error:
            if "no such table" not in str(error):
                self._write_after = self._failed(error, "not everything could be cached")

    def facts(self, request: str) -> bytes | None:
        """Return the facts of a model that were written under this request."""
        for _, check_sum, facts in list(self._rows(MODELS, "facts", [request])):
            if _is_sound(check_sum, facts, request):
                return bytes(facts)
        return None

    def add_facts(self, request: str, facts: bytes) -> None:
        """Write the facts of a model."""
        row = (request, facts, _check_sum(facts, request), int(time.time()))
        self._insert(MODELS, [row])

    def file_digests(self, paths: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        """Yield path, signature and SHA-256 of the files that are cached."""
        rows = self._rows(FILES, "signature, sha256", map(_path_bytes, paths))
        for path, check_sum, signature, sha256 in rows:
            if _is_sound(check_sum, path, signature, sha256):
                yield path.decode("utf-8", "surrogatepass"), signature, sha256

    def add_file_digests(self, digests: Iterable[tuple[str, str, str]]) -> None:
        """Write the digests of files by path, with the signature that they had."""
        now = int(time.time())
        rows = []
        for path, signature, sha256 in digests:
            name = _path_bytes(path)
            rows.append((name, signature, sha256, _check_sum(name, signature, sha256), now))
        self._insert(FILES, rows)

    def image_values(self, kind: str, images: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield image digest and value of the images whose value of that kind is cached."""
        for image, check_sum, value in self._rows(HASHES, "hash", images, kind):
            if _is_sound(check_sum, value, kind, image):
                yield image, value

    def add_image_values(self, kind: str, values: Iterable[tuple[str, bytes]]) -> None:
        """Write what was computed of images, of one kind, by image digest."""
        now = int(time.time())
        rows = [
            (kind, image, value, _check_sum(value, kind, image), now) for image, value in values
        ]
        self._insert(HASHES, rows)

    def _rows(
        self, table: str, columns: str, keys: Iterable[object], *fixed: str
    ) -> Iterator[tuple[Any, ...]]:
        """Yield key, check sum and `columns` of the rows whose key is `fixed` and one of `keys`."""
        *others, varied = KEYS[table]
        where = " AND ".join([*(f"{name} = ?" for name in others), f"{varied} IN "])
        stale: list[tuple[object, ...]] = []
        now = int(time.time())
        for chunk in chunked(keys, _CHUNK):
            rows = self._select(
                f"SELECT last_used, {varied}, check_sum, {columns} FROM {table} "
                f"WHERE {where}({', '.join('?' * len(chunk))})",
                [*fixed, *chunk],
            )
            for last_used, *row in rows:
                if not (isinstance(last_used, int) and last_used >= now - _TOUCH_SECONDS):
                    stale.append((now, *fixed, row[0]))
                yield tuple(row)
        self._touch(table, stale)

    def _touch(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Mark rows as used. If that fails, they are only evicted sooner."""
        where = " AND ".join(f"{name} = ?" for name in KEYS[table])
        for chunk in chunked(rows, _TOUCHED_AT_ONCE):
            with contextlib.suppress(sqlite3.Error, OSError):
                with opened(self.path, create=False, patience_s=_TOUCH_PATIENCE) as connection:
                    _run(connection, f"UPDATE {table} SET last_used = ? WHERE {where}", chunk)
                continue
            return

    def _select(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if time.monotonic() < self._read_after or not self.path.exists():
            return []
        try:
            with opened(self.path, create=False) as connection:
                return connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            if "no such table" in str(error):
                return []  # its first writer has not made it yet
            self._read_after = self._failed(error, "the cache cannot be read")
            return []

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows or time.monotonic() < self._write_after:
            return
        marks = ", ".join("?" * len(rows[0]))
        try:
            with opened(self.path, create=True) as connection:
                _run(connection, f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
        except (sqlite3.Error, OSError) as error:
            self._write_after = self._failed(error, "not everything could be cached")

    def _failed(self, error: Exception, effect: str) -> float:
        """Note the failure, once, and return the time of the next attempt."""
        if type(error) is sqlite3.DatabaseError:  # damaged, or no database at all
            effect = "the cache is not used"
            self._read_after = self._write_after = math.inf
            remedy = "; `python -m pytest_detgate cache clear` empties it"
        else:
            remedy = ""
        if not any(note.startswith(effect) for note in self.notes):
            self.notes.append(f"{effect}: {self.path}: {error}{remedy}")
        return math.inf if remedy else time.monotonic() + _REST_SECONDS


def _run(
    connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[object, ...]]
) -> None:
    """Run a statement for each row, all of them or none."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.executemany(statement, rows)


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _packed(boxes: ImageDetections) -> bytes:
    return b"".join(
        (
            boxes.xyxy.astype("<f4", copy=False).tobytes(),
            boxes.score.astype("<f4", copy=False).tobytes(),
            boxes.label.astype("<i4", copy=False).tobytes(),
            b"" if boxes.size is None else _SIZE.pack(*boxes.size),
        )
    )


def _unpacked(data: bytes) -> ImageDetections:
    n = len(data) // _BYTES_PER_BOX
    width_height = data[n * _BYTES_PER_BOX :]
    size: tuple[int, int] | None = None
    if width_height:
        width, height = _SIZE.unpack(width_height)
        size = width, height
    return ImageDetections(
        xyxy=np.frombuffer(data, "<f4", 4 * n).reshape(n, 4),
        score=np.frombuffer(data, "<f4", n, offset=16 * n),
        label=np.frombuffer(data, "<i4", n, offset=20 * n),
        size=size,
    )


def _path_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")  # a file name need not be text


def _is_sound(check_sum: object, data: object, *key: object) -> bool:
    """Return whether a row is unchanged; a damaged one may have values of any type."""
    texts = [part for part in key if isinstance(part, str)]
    return (
        isinstance(data, bytes) and len(texts) == len(key) and check_sum == _check_sum(data, *texts)
    )


def _check_sum(data: bytes, *key: str) -> int:
    return zlib.crc32(data, zlib.crc32("\0".join(key).encode()))
