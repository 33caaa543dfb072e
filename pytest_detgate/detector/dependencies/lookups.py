"""Notification of checks for files and modules, imports by name, and started processes.

There are no audit events for them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import pathlib
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol


class LookupListener(Protocol):
    """Is notified of checks for files and modules, imports by name, and started processes."""

    def is_listening(self) -> bool:
        """Return whether to notify it now. It is asked before each check for a file, of which
        pytest makes thousands, so it must be quick and check for no file itself."""

    def on_lookup(self, path: str) -> None:
        """The status of a file is requested, which need not exist."""

    def on_question(self, question: str, path: str) -> None:
        """The target of a link is requested, or whether a file can be accessed."""

    def on_file_in_folder(self, path: str) -> None:
        """A file is opened relative to an open folder."""

    def on_missing_module(self, name: str, folders: Sequence[str]) -> None:
        """A module was not found in these folders."""

    def on_import_by_name(self, file: str) -> None:
        """The module of this file was imported by its name, whether or not it was loaded before."""

    def on_process(self, program: str) -> None:
        """A process is started."""


_listeners: list[LookupListener] = []
_real_stat, _real_lstat, _real_access, _real_open = os.stat, os.lstat, os.access, os.open
_real_readlink: Callable[..., Any] | None = getattr(os, "readlink", None)
_real_import_module = importlib.import_module


def _stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    """Replace `os.stat`, which `os.path.exists`, `Path.is_file` and others call by its name."""
    listeners = _listening()
    if listeners and (name := _named(path, kwargs.get("dir_fd"))) is not None:
        for listener in listeners:
            if kwargs.get("follow_symlinks", True):
                listener.on_lookup(name)
            else:
                listener.on_question("link", name)
    return _real_stat(path, *args, **kwargs)


def _lstat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    """Replace `os.lstat`, which `os.path.lexists` and `os.path.realpath` call by its name.

    Resolving a path asks for each folder around it. That a folder is no link is not noted, so
    that answer needs no notice.
    """
    with contextlib.suppress(OSError, ValueError):
        status = _real_lstat(path, *args, **kwargs)
        if stat.S_ISDIR(status.st_mode):
            return status
    _ask("link", path, kwargs.get("dir_fd"))
    # Asked again, so that no answer is older than what is noted.
    return _real_lstat(path, *args, **kwargs)


def _readlink(path: Any, *args: Any, **kwargs: Any) -> Any:
    _ask("link", path, kwargs.get("dir_fd"))
    assert _real_readlink is not None
    return _real_readlink(path, *args, **kwargs)


def _access(path: Any, mode: int, *args: Any, **kwargs: Any) -> bool:
    _ask(f"access-{mode}", path, kwargs.get("dir_fd"))
    return _real_access(path, mode, *args, **kwargs)


def _open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    """Replace `os.open`, whose audit event lacks the folder of a relative path."""
    folder = kwargs.get("dir_fd")
    reads = flags & os.O_ACCMODE != os.O_WRONLY and not flags & os.O_CREAT
    listeners = _listening() if folder is not None and reads else []
    if listeners and (name := _named(path, folder)) is not None:
        for listener in listeners:
            listener.on_file_in_folder(name)
    return _real_open(path, flags, *args, **kwargs)


def _import_module(name: str, package: str | None = None) -> ModuleType:
    """Replace `importlib.import_module`: a module that is loaded already opens no file."""
    module = _real_import_module(name, package)
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        for listener in _listeners:
            listener.on_import_by_name(file)
    return module


def _ask(question: str, path: Any, folder: int | None) -> None:
    listeners = _listening()
    if listeners and (name := _named(path, folder)) is not None:
        for listener in listeners:
            listener.on_question(question, name)


def _listening() -> list[LookupListener]:
    return [listener for listener in _listeners if listener.is_listening()]


def _named(path: Any, folder: int | None) -> str | None:
    """Return the absolute path; None if it is unknown."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name = os.fsdecode(path)
    if folder is not None and _real_readlink is not None and not os.path.isabs(name):  # noqa: PTH117
        try:
            name = os.path.join(_real_readlink(f"/proc/self/fd/{folder}"), name)  # noqa: PTH118
        except OSError:
            return None
    return os.path.abspath(name)  # noqa: PTH100


class _LastFinder:
    """The last finder of modules: it is called for modules that no other finder has found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        for listener in _listeners:
            listener.on_missing_module(name, list(sys.path if path is None else path))


class _Replacement:
    """Replaces functions of the standard library by ours, and restores them."""

    def __init__(self) -> None:
        self._functions: list[tuple[Any, str, Any, Any]] = []
        for name, ours in (
            ("stat", _stat),
            ("lstat", _lstat),
            ("readlink", _readlink),
            ("access", _access),
            ("open", _open),
        ):
            if hasattr(os, name):
                self._functions.append((os, name, getattr(os, name), ours))
        # The second one loads entry points.
        for importing in (importlib, importlib.metadata):
            function = getattr(importing, "import_module", None)
            if function is _real_import_module:
                self._functions.append((importing, "import_module", function, _import_module))
        # multiprocessing starts processes with it, without an audit event.
        with contextlib.suppress(ImportError):
            module = importlib.import_module("_posixsubprocess")
            real = module.fork_exec
            self._functions.append((module, "fork_exec", real, _with_notice(real)))

    def apply(self) -> None:
        for module, name, real, ours in self._functions:
            setattr(module, name, ours)
            # The standard library looks up in these sets what the functions support.
            for supporting in (
                *(os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks),
                os.supports_effective_ids,
            ):
                if real in supporting:
                    supporting.add(ours)
        self._set_stat_of_pathlib(_stat)

    def undo(self) -> None:
        for module, name, real, ours in self._functions:
            if getattr(module, name) is ours:
                setattr(module, name, real)
        self._set_stat_of_pathlib(_real_stat)

    @staticmethod
    def _set_stat_of_pathlib(function: Any) -> None:
        if sys.version_info < (3, 11):  # pathlib has its own reference to it
            pathlib._NormalAccessor.stat = staticmethod(function)  # type: ignore[attr-defined]


def _with_notice(real: Callable[..., int]) -> Callable[..., int]:
    def fork_exec(*args: Any) -> int:
        for listener in _listeners:
            listener.on_process("a process of Python")
        return real(*args)

    return fork_exec


_replacement = _Replacement()


@contextlib.contextmanager
def observe_lookups(listener: LookupListener) -> Iterator[None]:
    """Notify a listener of checks for files and modules within the block."""
    if not _listeners:
        _replacement.apply()
        sys.meta_path.append(_LastFinder)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            _replacement.undo()
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(_LastFinder)
