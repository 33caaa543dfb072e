"""Locks between processes that save work and are not needed for it to be right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def lock_if_possible(path: Path, *, patience_s: float | None = None) -> Iterator[None]:
    """Hold a lock on this file, among all processes, while the block runs.

    Waits for whoever holds it, at most `patience_s` seconds if given. Where the lock cannot be
    had, be it for want of time or of a place for the file, the block runs without it.
    """
    from filelock import FileLock

    lock = FileLock(path)
    # Running out of patience is an OSError too.
    with contextlib.suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience_s)
    try:
        yield
    finally:
        lock.release()
