"""Notification of checks for files and modules, for which there are no audit events."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class LookupListener(Protocol):
    """Is notified of checks for files and modules."""

    def on_lookup(self, path: str) -> None:
        """The status of a file is requested, which need not exist."""

    def on_missing_module(self, name: str, folders: Sequence[str]) -> None:
        """A module was not found in these folders."""


_listeners: list[LookupListener] = []
_real_stat = os.stat


def _stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    """Replace `os.stat`, which `os.path.exists`, `Path.is_file` and others call by its name."""
    if _listeners and isinstance(path, (str, bytes, os.PathLike)):
        for listener in _listeners:
            listener.on_lookup(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
    return _real_stat(path, *args, **kwargs)


class _LastFinder:
    """The last finder of modules: it is called for modules that no other finder has found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        for listener in _listeners:
            listener.on_missing_module(name, list(sys.path if path is None else path))


@contextlib.contextmanager
def observe_lookups(listener: LookupListener) -> Iterator[None]:
    """Notify a listener of checks for files and modules within the block."""
    if not _listeners:
        _set_stat(_stat)
        sys.meta_path.append(_LastFinder)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            if os.stat is _stat:
                _set_stat(_real_stat)
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(_LastFinder)


def _set_stat(function: Any) -> None:
    os.stat = function
    # The standard library looks up in these sets what the functions support.
    for supporting in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if _real_stat in supporting:
            supporting.add(_stat)
    if sys.version_info < (3, 11):  # pathlib has its own reference to it
        pathlib._NormalAccessor.stat = staticmethod(function)  # type: ignore[attr-defined]
