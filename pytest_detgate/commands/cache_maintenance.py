"""Texts and actions of `python -m pytest_detgate cache`."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.cache.annotation_tables import drop_tables
from pytest_detgate.cache.eviction import CachedModel, drop_all, drop_models, evict
from pytest_detgate.cache.maintenance import (
    DAY_SECONDS,
    MEGABYTE,
    CacheContents,
    cache_contents,
    prune,
    raise_data_errors,
)
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.config.tables.run_tables import CacheTable
from pytest_detgate.counts import counted
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.cached.model_facts import decode_description, description_request
from pytest_detgate.errors import ConfigError, DataError

_SHOWN = 12
_CLASSES_WIDTH = 40


@dataclass(frozen=True, slots=True)
class _Model:
    """Cached detections of a model, and its description."""

    cached: CachedModel
    info: ModelInfo | None

    @property
    def label(self) -> str:
        """Name of the model in lists: the digest of its checkpoint, or its key if nothing else is
        known."""
        return self.info.sha256[:_SHOWN] if self.info else f"model {self.cached.key[:_SHOWN]}"

    def matches(self, text: str) -> bool:
        """Return whether its path contains the text, or its digest or key starts with it."""
        digests = (self.cached.key, self.info.sha256 if self.info else "")
        return any(digest.startswith(text.lower()) for digest in digests) or (
            self.info is not None and text in self.info.checkpoint
        )


def show(folder: Path) -> str:
    """Describe the contents of a cache, models used last first."""
    contents = cache_contents(folder)
    if not contents.size:
        return f"{folder}: the cache is empty"
    lines = [f"{folder}: {_size(contents.size)}"]
    heading = ("checkpoint", "images", "size", "last used", "epoch", "classes", "path")
    rows = [heading, *map(_row, _models(contents))]
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", "detections by model"]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.append("")
    lines.append(f"image hashes         {contents.database.hashes}")
    lines.append(f"file digests         {contents.database.digests}")
    tables = f"{len(contents.tables)}"
    if contents.tables:
        size = _size(sum(file.size for file in contents.tables))
        tables += f", {size}, last used {_time(contents.tables[0].last_used)}"
    lines.append(f"annotation tables    {tables}")
    return "\n".join(lines)


def clear(folder: Path) -> str:
    """Drop everything and say what was freed; a damaged cache file is deleted."""

    def drop() -> None:
        drop_tables(folder, max_bytes=-1, unused_since=math.inf)
        drop_all(folder / CACHE_FILE)

    return _freed(folder, drop)


def clear_model(folder: Path, text: str) -> str:
    """Drop the detections of all models whose path contains the text or whose digest starts with
    it, and say what was freed."""
    models = _models(cache_contents(folder))
    keys = [model.cached.key for model in models if model.matches(text)]
    if not keys:
        labels = ", ".join(sorted({model.label for model in models})) or "none"
        raise ConfigError(
            f"--model {text!r}: no cached model has a path that contains this or a digest that "
            f"starts with it (cached: {labels})"
        )
    requests = [description_request(key) for key in keys]
    return _freed(folder, lambda: drop_models(folder / CACHE_FILE, keys, requests))


def clear_unused(folder: Path, days: float) -> str:
    """Drop everything that was not used for so many days, and say what was freed."""
    unused_since = time.time() - days * DAY_SECONDS

    def drop() -> None:
        drop_tables(folder, max_bytes=math.inf, unused_since=unused_since)
        evict(folder / CACHE_FILE, max_bytes=math.inf, unused_since=unused_since)

    return _freed(folder, drop)


def prune_now(folder: Path, limits: CacheTable) -> str:
    """Prune the cache to its limits, as every gate does at its end, and say what was freed."""
    within = (
        f"at most {_size(limits.max_megabytes * MEGABYTE)}, used within "
        f"{counted(limits.keep_days, 'day')}"
    )
    return f"{_freed(folder, lambda: prune(folder, limits))} ({within})"


def _freed(folder: Path, drop: Callable[[], None]) -> str:
    before = _contents_if_sound(folder)
    with raise_data_errors(folder):
        drop()
    after = cache_contents(folder)
    if before is None:
        return f"{folder}: was damaged and is empty now"
    gone = [
        f"{count:,} {what}"
        for count, what in (
            (_images(before) - _images(after), "images' detections"),
            (before.database.hashes - after.database.hashes, "image hashes"),
            (before.database.digests - after.database.digests, "file digests"),
            (len(before.tables) - len(after.tables), "annotation tables"),
        )
        if count > 0
    ]
    freed = _size(max(0, before.size - after.size))
    return f"{folder}: freed {freed} ({', '.join(gone) or 'nothing to drop'}); {_left(after)}"


def _left(contents: CacheContents) -> str:
    is_empty = not contents.database.rows and not contents.tables
    return "now empty" if is_empty else f"{_size(contents.size)} left"


def _contents_if_sound(folder: Path) -> CacheContents | None:
    with contextlib.suppress(DataError):
        return cache_contents(folder)
    return None


def _images(contents: CacheContents) -> int:
    return sum(model.images for model in contents.database.models)


def _models(contents: CacheContents) -> list[_Model]:
    known = {info.key: info for info in map(decode_description, contents.database.facts) if info}
    return [_Model(model, known.get(model.key)) for model in contents.database.models]


def _row(model: _Model) -> tuple[str, ...]:
    info = model.info
    classes = ", ".join(info.classes) if info else ""
    if len(classes) > _CLASSES_WIDTH and info:
        classes = counted(len(info.classes), "class")
    return (
        model.label,
        str(model.cached.images),
        _size(model.cached.size),
        _time(model.cached.last_used),
        str(info.epoch) if info and info.epoch is not None else "",
        classes,
        info.checkpoint if info else "",
    )


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return counted(count, "byte")


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
