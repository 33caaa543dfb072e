"""What lies in the store, and how it is kept small: least recently used goes first.

Whatever is dropped while another gate wants it is inferred again, so nothing here has to ask who
else is there; each step is a transaction of its own.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_detgate.detector.store import Store
from pytest_detgate.errors import DetectorError

_DAY = 86_400
_ROWS_AT_ONCE = 2000
# What is over the bound is brought down to this share of it, so that not every run prunes.
_ROOM = 0.8
_TABLES = ("detections_1", "hashes_1", "files_1", "models_1")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """The kept detections of one model; `checkpoint` is where it lay, if that is still known."""

    key: str
    checkpoint: str | None
    epoch: int | None
    images: int
    bytes: int
    last_used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContents:
    """What a store holds."""

    bytes: int
    models: tuple[KeptModel, ...]
    hashes: int
    digests: int


def contents(path: Path) -> StoreContents:
    """Look into a store; an absent one is empty, a damaged one raises `DetectorError`."""
    if not path.is_file():
        return StoreContents(bytes=0, models=(), hashes=0, digests=0)
    with _opened(path) as connection:
        known = _known_models(connection)
        models = [
            KeptModel(
                key=key,
                checkpoint=known.get(key, (None, None))[0],
                epoch=known.get(key, (None, None))[1],
                images=images,
                bytes=size,
                last_used=last_used,
            )
            for key, images, size, last_used in connection.execute(
                "SELECT model, count(*), sum(length(data)), max(last_used) FROM detections_1 "
                "GROUP BY model ORDER BY max(last_used) DESC, model"
            )
        ]
        return StoreContents(
            bytes=size_of(path),
            models=tuple(models),
            hashes=_count(connection, "hashes_1"),
            digests=_count(connection, "files_1"),
        )


def size_of(path: Path) -> int:
    """The bytes that a store takes on the disk."""
    size = 0
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))):
        with contextlib.suppress(OSError):
            size += file.stat().st_size
    return size


def prune(path: Path, max_bytes: int, keep_days: float) -> int:
    """Drop what was not used for `keep_days` and, where the store is over `max_bytes`, what was
    used least lately. Gives the bytes that were freed; raises `DetectorError` if it cannot."""
    before = size_of(path)
    if not before:
        return 0
    with _opened(path) as connection:
        oldest = int(time.time() - keep_days * _DAY)
        dropped = sum(_drop(connection, table, "last_used < ?", [oldest]) for table in _TABLES)
        if before > max_bytes:
            dropped += _drop_least_used(connection, int(max_bytes * _ROOM))
        if dropped:
            _shrink(connection)
    return max(before - size_of(path), 0)


def clear(path: Path, *, model: str | None = None, unused_days: float | None = None) -> int:
    """Drop everything, or the detections of models whose checkpoint's name or key holds `model`,
    or what was not used for `unused_days`. Gives the bytes that were freed."""
    before = size_of(path)
    if not before:
        return 0
    if unused_days is not None:
        return prune(path, before + 1, unused_days)
    with _opened(path) as connection:
        if model is None:
            for table in _TABLES:
                _drop(connection, table, "1", [])
        else:
            for key in _matching(connection, model):
                _drop(connection, "detections_1", "model = ?", [key])
        _shrink(connection)
    return max(before - size_of(path), 0)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    store = Store(path)
    try:
        with store.connected() as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise DetectorError(f"{path}: cannot be used: {error}") from error


def _drop(connection: sqlite3.Connection, table: str, where: str, values: Sequence[object]) -> int:
    dropped = 0
    while True:
        with _transaction(connection):
            key = _key(table)
            count = connection.execute(
                f"DELETE FROM {table} WHERE ({key}) IN "
                f"(SELECT {key} FROM {table} WHERE {where} LIMIT {_ROWS_AT_ONCE})",
                values,
            ).rowcount
        dropped += count
        if count < _ROWS_AT_ONCE:
            return dropped


def _drop_least_used(connection: sqlite3.Connection, target: int) -> int:
    """Drop detections and hashes, oldest use first, until what is left takes `target` bytes."""
    dropped = 0
    while (excess := _used_bytes(connection) - target) > 0:
        rows = _count(connection, "detections_1") + _count(connection, "hashes_1")
        # No more than what is over, where all entries were alike.
        limit = max(1, rows * excess // (excess + target))
        (oldest,) = connection.execute(
            "SELECT min(used) FROM (SELECT min(last_used) AS used FROM detections_1 "
            "UNION ALL SELECT min(last_used) FROM hashes_1)"
        ).fetchone()
        if oldest is None:
            break
        for table in ("detections_1", "hashes_1"):
            with _transaction(connection):
                key = _key(table)
                dropped += connection.execute(
                    f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} "
                    "WHERE last_used <= ? ORDER BY last_used LIMIT ?)",
                    [oldest + _DAY, limit],
                ).rowcount
    return dropped


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _shrink(connection: sqlite3.Connection) -> None:
    """Give free pages back to the disk; a store of an earlier release is written anew for it."""
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
        # `execute` would take one step, which frees one page.
        connection.executescript("PRAGMA incremental_vacuum")
    else:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")


def _key(table: str) -> str:
    return {"detections_1": "rowid", "hashes_1": "kind, image", "files_1": "path"}.get(
        table, "request"
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _known_models(connection: sqlite3.Connection) -> dict[str, tuple[str, int | None]]:
    """Checkpoint and epoch of models by key, as far as their facts can still be read."""
    known = {}
    for (facts,) in connection.execute("SELECT facts FROM models_1 ORDER BY last_used"):
        with contextlib.suppress(msgspec.MsgspecError, TypeError):
            info = msgspec.json.decode(facts, type=_Facts).info
            known[info.key] = (info.checkpoint, info.epoch)
    return known


class _Info(msgspec.Struct):
    key: str
    checkpoint: str
    epoch: int | None = None


class _Facts(msgspec.Struct):
    info: _Info


def _matching(connection: sqlite3.Connection, text: str) -> list[str]:
    known = _known_models(connection)
    keys = [key for (key,) in connection.execute("SELECT DISTINCT model FROM detections_1")]
    found = [
        key for key in keys if key.startswith(text) or text in (known.get(key, ("", None))[0] or "")
    ]
    if not found:
        raise DetectorError(f"no kept model whose key begins with, or whose path holds, {text!r}")
    return found


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield
