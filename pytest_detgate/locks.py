"""Locks between processes that save work; results are correct without them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def lock_if_possible(
    path: Path,
    *,
    patience_s: float | None = None,
    waiting: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
) -> Iterator[None]:
    """Hold a lock on this file, among all processes, while the block runs.

    It waits while another process holds the lock, at most `patience_s` seconds if given. If the
    time is over, or the file cannot be made, the block runs without the lock. `waiting` is entered
    for as long as it waits.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    # Running out of patience is an OSError too.
    with contextlib.suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with waiting():
                lock.acquire(timeout=patience_s)
    try:
        yield
    finally:
        lock.release()
