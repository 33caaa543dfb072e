"""A lock by which one process at a time infers with a model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.progress import Progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

_POLL_SECONDS = 2.0


class InferenceLock:
    """The lock of a model, a file beside the cache.

    The process that holds the lock may enter again.
    """

    def __init__(self, path: Callable[[], Path], progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._lock: BaseFileLock | None = None

    @contextlib.contextmanager
    def hold(self, n_missing: int, load: Callable[[], int] | None) -> Iterator[None]:
        """Hold the lock within the block.

        While another process holds it, `load` is called again and again, which returns how many of
        `n_missing` images still have no detections. With none left the block is entered without the
        lock. Without `load` the block is only entered with the lock.
        """
        from filelock import FileLock, Timeout

        path = self._path()
        if self._lock is None:
            self._lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)  # filelock 3.12 does not
            self._lock.acquire(timeout=0)
        except Timeout:
            self._wait(self._lock, n_missing, load)
        except (OSError, NotImplementedError):
            pass  # no place for a lock, so none for the cache: its notes say so
        try:
            yield
        finally:
            self._lock.release()

    def _wait(self, lock: BaseFileLock, n_missing: int, load: Callable[[], int] | None) -> None:
        from filelock import Timeout

        with self._progress.task("another gate is detecting", n_missing, "images") as advance:
            while True:
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=_POLL_SECONDS)
                    return
                if load is None or not n_missing:
                    continue
                still_missing = load()
                advance(n_missing - still_missing)
                n_missing = still_missing
                if not n_missing:
                    return
