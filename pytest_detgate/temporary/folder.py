"""Temporary folders that do not stay for ever where a process is killed.

A process that is killed removes nothing. So each folder has a file that its process holds locked,
and the process that makes the next folder removes those whose lock is free.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX = "detgate-"
_LOCK = "in-use.lock"
# A lock that nobody refers to any more is released; these stay until the folder is removed.
_locks: dict[Path, BaseFileLock] = {}


class TemporaryFolder:
    """A folder of one process, which only this user can read."""

    def __init__(self, kind: str) -> None:
        """Make it; `kind` is a part of its name."""
        _remove_abandoned_once()
        self.path = _locked_folder(kind)

    def remove(self) -> None:
        """Remove it with its content; more than once does no harm."""
        lock = _locks.pop(self.path, None)
        if lock is not None:
            lock.release()  # first: Windows removes no file that is open
            shutil.rmtree(self.path, ignore_errors=True)


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
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        folder = path.parent
        # One that another process has removed meanwhile.
        with contextlib.suppress(OSError):
            if folder.resolve() not in _locks and _is_own(folder) and not path.is_symlink():
                lock = _lock_now(path)
                if lock is not None:
                    lock.release()
                    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _remove_abandoned_once() -> None:
    remove_abandoned_folders()


def _locked_folder(kind: str) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-")).resolve()
        lock = _lock_now(folder / _LOCK)
        # Another process may have taken it for abandoned between its making and its locking.
        if lock is not None and (folder / _LOCK).exists():
            _locks[folder] = lock
            return folder
        shutil.rmtree(folder, ignore_errors=True)


def _lock_now(path: Path) -> BaseFileLock | None:
    """Lock a file until the lock is released; None if another process has it locked."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)  # another thread may remove the folder
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _is_own(folder: Path) -> bool:
    """Whether this is a real folder of this user, in which nobody else makes links."""
    status = folder.lstat()
    is_of_user = sys.platform == "win32" or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and is_of_user
