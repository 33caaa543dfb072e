"""Locks between processes that save work; results are correct without them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def lock_if_possible(path: Path, *, patience_s: float | None = None) -> Iterator[None]:
    """Hold a lock on this file, among all processes, while the block runs.

    It waits while another process holds the lock, at most `patience_s` seconds if given. If the
    time is over, or the file cannot be made, the block runs without the lock.
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
