"""Questions whether a file or module is there, which no audit event tells of."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Listener(Protocol):
    """Hears of questions."""

    def on_lookup(self, path: str) -> None:
        """Somebody asks for the status of a file, which need not be there."""

    def on_missing_module(self, name: str, folders: Sequence[str]) -> None:
        """A module was looked for in these folders, and nobody has it."""


_listeners: list[Listener] = []
_real_stat = os.stat


def _stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    """`os.stat`; `os.path.exists`, `Path.is_file` and their like call it by its name."""
    if _listeners and isinstance(path, (str, bytes, os.PathLike)):
        for listener in _listeners:
            listener.on_lookup(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
    return _real_stat(path, *args, **kwargs)


class _Missing:
    """The last of the finders of modules: what it is asked for nobody else has found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        for listener in _listeners:
            listener.on_missing_module(name, list(sys.path if path is None else path))


@contextlib.contextmanager
def listening_to_lookups(listener: Listener) -> Iterator[None]:
    """Tell a listener of files and modules that are looked for meanwhile."""
    if not _listeners:
        _set_stat(_stat)
        sys.meta_path.append(_Missing)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            if os.stat is _stat:
                _set_stat(_real_stat)
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(_Missing)


def _set_stat(function: Any) -> None:
    os.stat = function
    # The standard library asks these sets what its functions can do.
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if _real_stat in able:
            able.add(_stat)
    if sys.version_info < (3, 11):  # pathlib has a name of its own for it
        pathlib._NormalAccessor.stat = staticmethod(function)  # type: ignore[attr-defined]
