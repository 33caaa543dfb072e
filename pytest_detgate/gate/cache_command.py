"""`python -m pytest_detgate cache`: what is kept between runs, and clearing it."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

from pytest_detgate.detector.store import STORE_FILE
from pytest_detgate.detector.store_upkeep import StoreContents, clear, contents
from pytest_detgate.errors import DetgateError
from pytest_detgate.gate.kept_tables import kept_files

DEFAULT_STORE = Path(".pytest_cache") / "d" / "detgate"


def show_cache(store: Path) -> str:
    """Say what a store holds."""
    return "\n".join(_lines(store, contents(_existing(store) / STORE_FILE)))


def clear_cache(store: Path, *, model: str | None = None, unused_days: float | None = None) -> str:
    """Drop what is kept, or only the detections of a model, or only what was not used for some
    days; says what that freed."""
    freed = clear(_existing(store) / STORE_FILE, model=model, unused_days=unused_days)
    if model is None:
        for file in kept_files(store, unused_days=unused_days or 0.0):
            size = file.stat().st_size
            with contextlib.suppress(OSError):
                file.unlink()
                freed += size
    return f"{store}: freed {_megabytes(freed)}"


def _existing(store: Path) -> Path:
    if not store.is_dir():
        raise DetgateError(
            f"{store}: there is no store; run the gate once, or name its folder with --store "
            "(pytest's cache folder, d/detgate in it)"
        )
    return store


def _lines(store: Path, kept: StoreContents) -> Iterator[str]:
    tables = kept_files(store)
    size = sum(file.stat().st_size for file in tables)
    yield f"{store}: {_megabytes(kept.bytes + size)}"
    for model in kept.models:
        epoch = "" if model.epoch is None else f", epoch {model.epoch}"
        day = datetime.datetime.fromtimestamp(model.last_used, datetime.timezone.utc).date()
        yield (
            f"  detections of {model.checkpoint or 'a model that has changed since'}{epoch} "
            f"({model.key[:12]}): {model.images} images, {_megabytes(model.bytes)}, "
            f"last used {day.isoformat()}"
        )
    yield f"  picture hashes: {kept.hashes}, file digests: {kept.digests}"
    yield f"  tables of annotation files: {len(tables)}, {_megabytes(size)}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
