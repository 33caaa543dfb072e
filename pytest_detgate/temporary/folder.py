"""Temporary folders that do not stay for ever where a process is killed.

A process that is killed removes nothing. So each folder has a file that its process holds locked,
and the process that makes the next folder removes those whose lock is free.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PREFIX = "detgate-"
_LOCK = "in-use.lock"


class TemporaryFolder:
    """A folder of one process, which only this user can read."""

    def __init__(self, kind: str) -> None:
        """Make it; `kind` is a part of its name."""
        _remove_abandoned_once()
        # Nobody looks for it under this name, before it is locked.
        made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}{kind}-")).resolve()
        self._lock = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(self._lock)
        self.path = made.rename(made.with_name(made.name.removeprefix(".")))

    def remove(self) -> None:
        """Remove it with its content; more than once does no harm."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


@contextlib.contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """Make a folder for the time of a block."""
    folder = TemporaryFolder(kind)
    try:
        yield folder.path
    finally:
        folder.remove()


def remove_abandoned_folders() -> None:
    """Remove the folders of killed processes, whose locks are free."""
    if sys.platform == "win32":
        return  # nothing tells there whether a folder is in use
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        # The folder of another user, or one that is in use.
        with contextlib.suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                _lock(descriptor)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(descriptor)


@functools.cache
def _remove_abandoned_once() -> None:
    remove_abandoned_folders()


def _lock(descriptor: int) -> None:
    """Lock a file until its descriptor is closed; `OSError` if another process has it locked."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
