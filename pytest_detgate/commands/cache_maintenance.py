"""`python -m pytest_detgate cache`: what is kept, and getting rid of it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.cache.annotation_tables import drop_tables
from pytest_detgate.cache.bounds import (
    DAY_SECONDS,
    MEGABYTE,
    CacheContents,
    cache_contents,
    prune,
    unusable_is_an_error,
)
from pytest_detgate.cache.eviction import KeptModel, drop_all, drop_models, evict
from pytest_detgate.cache.sqlite_file import STORE_FILE
from pytest_detgate.config.run_tables import CacheTable
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.cached.model_facts import described, description_request
from pytest_detgate.errors import ConfigError, DataError

_SHOWN = 12
_CLASSES_WIDTH = 40


@dataclass(frozen=True, slots=True)
class _Model:
    """Detections of a model and what is known of it."""

    kept: KeptModel
    info: ModelInfo | None

    @property
    def label(self) -> str:
        """How a reader is told it apart: by its checkpoint, or by its key where that is all that
        is known."""
        return self.info.sha256[:_SHOWN] if self.info else f"model {self.kept.key[:_SHOWN]}"

    def is_meant(self, text: str) -> bool:
        """Whether its path holds this text, or its digest or key begins so."""
        digests = (self.kept.key, self.info.sha256 if self.info else "")
        return any(digest.startswith(text.lower()) for digest in digests) or (
            self.info is not None and text in self.info.checkpoint
        )


def show(folder: Path) -> str:
    """Say what a store's folder holds, models used last first."""
    contents = cache_contents(folder)
    if not contents.size:
        return f"{folder}: nothing is kept"
    lines = [f"{folder}: {_size(contents.size)}"]
    heading = ("checkpoint", "images", "size", "last used", "epoch", "classes", "path")
    rows = [heading, *map(_row, _models(contents))]
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", "detections by model"]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.append("")
    lines.append(f"picture hashes       {contents.store.hashes}")
    lines.append(f"digests of files     {contents.store.digests}")
    tables = f"{len(contents.tables)}"
    if contents.tables:
        size = _size(sum(file.size for file in contents.tables))
        tables += f", {size}, last used {_time(contents.tables[0].last_used)}"
    lines.append(f"tables of files      {tables}")
    return "\n".join(lines)


def clear(folder: Path) -> str:
    """Drop everything, and say what was freed; a damaged store is deleted."""

    def drop() -> None:
        drop_tables(folder, max_bytes=-1, unused_since=math.inf)
        drop_all(folder / STORE_FILE)

    return _freed(folder, drop)


def clear_model(folder: Path, text: str) -> str:
    """Drop the detections of all models whose path holds this text or whose digest begins so, and
    say what was freed."""
    models = _models(cache_contents(folder))
    keys = [model.kept.key for model in models if model.is_meant(text)]
    if not text or not keys:
        there = ", ".join(sorted({model.label for model in models})) or "none"
        raise ConfigError(
            f"--model {text!r}: no kept model's path holds this and no digest begins so "
            f"(there is: {there})"
        )
    requests = [description_request(key) for key in keys]
    return _freed(folder, lambda: drop_models(folder / STORE_FILE, keys, requests))


def clear_unused(folder: Path, days: float) -> str:
    """Drop what was not used for so many days, and say what was freed."""
    unused_since = time.time() - days * DAY_SECONDS

    def drop() -> None:
        drop_tables(folder, max_bytes=math.inf, unused_since=unused_since)
        evict(folder / STORE_FILE, max_bytes=math.inf, unused_since=unused_since)

    return _freed(folder, drop)


def prune_now(folder: Path, limits: CacheTable) -> str:
    """Bring the store within its limits, as every gate does at its end, and say what was freed."""
    within = (
        f"at most {_size(limits.max_megabytes * MEGABYTE)}, used within {limits.keep_days} days"
    )
    return f"{_freed(folder, lambda: prune(folder, limits))} ({within})"


def _freed(folder: Path, drop: Callable[[], None]) -> str:
    before = _contents_if_sound(folder)
    with unusable_is_an_error(folder):
        drop()
    after = cache_contents(folder)
    if before is None:
        return f"{folder}: was damaged and is empty now"
    gone = [
        f"{count:,} {what}"
        for count, what in (
            (_images(before) - _images(after), "images' detections"),
            (before.store.hashes - after.store.hashes, "picture hashes"),
            (before.store.digests - after.store.digests, "digests of files"),
            (len(before.tables) - len(after.tables), "tables of files"),
        )
        if count > 0
    ]
    freed = _size(max(0, before.size - after.size))
    return f"{folder}: freed {freed} ({', '.join(gone) or 'nothing to drop'}); {_left(after)}"


def _left(contents: CacheContents) -> str:
    return f"{_size(contents.size)} kept" if contents.store.rows or contents.tables else "now empty"


def _contents_if_sound(folder: Path) -> CacheContents | None:
    with contextlib.suppress(DataError):
        return cache_contents(folder)
    return None


def _images(contents: CacheContents) -> int:
    return sum(model.images for model in contents.store.models)


def _models(contents: CacheContents) -> list[_Model]:
    known = {info.key: info for info in map(described, contents.store.facts) if info}
    return [_Model(model, known.get(model.key)) for model in contents.store.models]


def _row(model: _Model) -> tuple[str, ...]:
    info = model.info
    classes = ", ".join(info.classes) if info else ""
    if len(classes) > _CLASSES_WIDTH and info:
        classes = f"{len(info.classes)} classes"
    return (
        model.label,
        str(model.kept.images),
        _size(model.kept.size),
        _time(model.kept.last_used),
        str(info.epoch) if info and info.epoch is not None else "",
        classes,
        info.checkpoint if info else "",
    )


def _size(count: int) -> str:
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} bytes"


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
