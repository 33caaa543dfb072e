"""Recorder of the accesses of code: files, folders, modules and environment variables.

Python's audit events report most of them; `environment` and `lookups` report the others. Files that
compiled code opens itself are not reported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.detector.audit_hook import listening
from pytest_detgate.detector.dependencies import import_notes
from pytest_detgate.detector.dependencies.environment import observe_environment
from pytest_detgate.detector.dependencies.events import ACCESSES, Access
from pytest_detgate.detector.dependencies.import_notes import NoteKind, Notes
from pytest_detgate.detector.dependencies.lookups import observe_lookups
from pytest_detgate.detector.dependencies.project_code import Caller, CallStack, installed_paths
from pytest_detgate.detector.dependencies.state import (
    ALL_VARIABLES,
    file_signature,
    is_of_process,
    listing_state,
    lookup_state,
    pattern_state,
    value_state,
    variable_state,
)

# Paths that packages read for themselves: libraries, fonts, time zones, compiled code.
_SYSTEM = tuple(f"/{name}/" for name in ("etc", "usr", "lib", "lib64", "bin", "sbin"))
_CACHES = ("/matplotlib/", "/fontconfig/", "/torchinductor_", "/.triton/", "/numba_cache/")
_COMPILED = (".pyc", ".so", ".pyd", ".dylib", ".dll")

_busy = threading.local()
_by_value: list[bool] = []


class Recorder:
    """Notes the accesses within a `with` block by code of the project, or on its behalf.

    `folder` is that of the project. `own` are folders of installed packages that count as code of
    the project. `ignored` returns whether to ignore a path. Files that the code has made itself are
    ignored too, unless they are `known`. With `only_imports` only the accesses of modules during
    their import are noted, in `import_notes`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        own: Iterable[str] = (),
        ignored: Callable[[str], bool] = lambda path: False,
        known: Container[str] = (),
        only_imports: bool = False,
    ) -> None:
        self._known = known
        self._only_imports = only_imports
        self._folder = os.path.abspath(folder or ".")  # noqa: PTH100
        self.notes: Notes = {}
        self.by_value: Notes = {}
        """Accesses for values that are themselves part of the key: see `noted_by_value`."""
        self._stack = CallStack(own)
        self._ignored = ignored
        self._made: set[str] = set()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Recorder:
        self._open.enter_context(listening(self._on_event))
        self._open.enter_context(observe_environment(self))
        self._open.enter_context(observe_lookups(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def on_variable(self, name: str, value: str | None) -> None:
        """An environment variable was read."""
        with self._noting() as is_free:
            if is_free and f"${name}" not in self._made:
                caller = self._stack.caller()
                if caller.by == "own" and (caller.is_direct or not is_of_process(name)):
                    self._note("variable", name, lambda _: value_state(value), caller)

    def on_all_variables(self) -> None:
        """The names of all environment variables were read."""
        with self._noting() as is_free:
            if is_free:
                caller = self._stack.caller()
                if caller.by == "own":
                    self._note("variable", ALL_VARIABLES, variable_state, caller)

    def on_set_variable(self, name: str) -> None:
        """An environment variable is about to be set."""
        self._made.add(f"${name}")

    def on_lookup(self, path: str) -> None:
        """The status of a file was asked for."""
        with self._noting() as is_free:
            if is_free and ("lookup", path) not in self.notes and not self._is_noise(path):
                caller = self._stack.caller()
                if caller.by == "own":
                    self._note("lookup", path, lookup_state, caller)

    def on_missing_module(self, name: str, folders: Sequence[str]) -> None:
        """A module was not found."""
        with self._noting() as is_free:
            if is_free:
                caller = self._stack.caller(is_import=True)
                if caller.by == "own":
                    self._note_absent(name.rpartition(".")[2], folders, caller)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ACCESSES:
            with self._noting() as is_free:
                access = ACCESSES[event](*arguments) if is_free else None
                if access is not None:
                    self._on_access(access)

    def _on_access(self, access: Access) -> None:
        kind, name = access
        if kind == "make":
            self._made.add(name)
        elif kind == "connect":
            self._note_hidden(name, lambda caller: caller.by == "own")
        elif kind == "start":
            self._note_hidden(name, lambda caller: caller.is_direct)
        elif self._is_noise(name):
            pass
        elif kind == "extension":
            self._note_module(name)
        elif kind == "open" and name.endswith((".py", ".pyc")) and self._stack.is_import_system():
            self._note_module(_source_of(name))
        elif kind == "open" and not name.endswith(_COMPILED):
            self._note_read("file", name, file_signature)
        elif kind == "list" and not self._stack.is_within_glob():
            self._note_read("folder", name, listing_state)
        elif kind == "match":
            self._note_read("pattern", name, pattern_state)

    def _note_read(self, kind: NoteKind, name: str, state: Callable[[str], object]) -> None:
        if (kind, name) in self.notes:
            return
        caller = self._stack.caller()
        is_of_package = name.startswith(_SYSTEM) or any(cache in name for cache in _CACHES)
        if caller.by == "own" or (caller.by == "other" and not is_of_package):
            self._note(kind, name, state, caller)

    def _note_module(self, file: str) -> None:
        caller = self._stack.caller(is_import=True)
        import_notes.begin(file)
        self._note("module", file, file_signature, caller)
        if caller.file is not None:  # one of its functions may import at any time
            import_notes.add(caller.file, ("module", file), file_signature(file))
        # A module of the same name in an earlier folder of the search path would replace it.
        folder, name = _searched(file)
        if folder in sys.path:
            self._note_absent(name, sys.path[: sys.path.index(folder)], caller)

    def _note_absent(self, name: str, folders: Sequence[str], caller: Caller) -> None:
        for entry in folders:
            folder = os.path.abspath(entry)  # noqa: PTH100
            start = os.path.join(folder, name)  # noqa: PTH118
            if self._is_of_project(folder) and not self._is_noise(start):
                for path in (f"{start}.py", start):
                    self._note("absent", path, lookup_state, caller)

    def _is_of_project(self, folder: str) -> bool:
        """Return whether a folder of the search path is that of the project, in it or around it."""
        try:
            common = os.path.commonpath([folder, self._folder])
        except ValueError:  # another drive
            return False
        return common in (folder, self._folder)

    def _note_hidden(self, name: str, counts: Callable[[Caller], bool]) -> None:
        caller = self._stack.caller()
        if counts(caller):
            self._note("hidden", name, lambda _: None, caller)

    def _note(
        self, kind: NoteKind, name: str, state: Callable[[str], object], caller: Caller
    ) -> None:
        if self._only_imports and not caller.modules:
            return
        current = state(name)
        if not self._only_imports:
            notes = self.by_value if _by_value else self.notes
            notes.setdefault((kind, name), current)
        for module in caller.modules:
            import_notes.add(module, (kind, name), current)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[bool]:
        """Return whether this thread may take notes: taking notes accesses files, too.

        An error in the block must not stop the observed code.
        """
        if getattr(_busy, "is_noting", False):
            yield False
            return
        with unnoted():
            try:
                yield True
            except Exception as error:
                reason = f"an access cannot be recorded: {type(error).__name__}: {error}"
                self.notes.setdefault(("hidden", reason), None)

    def _is_noise(self, path: str) -> bool:
        return (
            self._ignored(path)
            or f"{path}{os.sep}".startswith(installed_paths())
            or self._is_made(path)
        )

    def _is_made(self, path: str) -> bool:
        if path in self._known:
            return False
        while self._made:
            if path in self._made:
                return True
            parent = os.path.dirname(path)  # noqa: PTH120
            if parent == path:
                break
            path = parent
        return False


_watching: list[Recorder] = []


def watch_imports() -> None:
    """Start to note the accesses of project modules during their import.

    A model may be made later with a module that was imported long before.
    """
    if not _watching:
        _watching.append(Recorder(only_imports=True).__enter__())


def stop_watching_imports() -> None:
    """Stop taking these notes: they cost time at every access to a file."""
    while _watching:
        _watching.pop().__exit__()


@contextlib.contextmanager
def noted_by_value() -> Iterator[None]:
    """Note accesses within the block separately: they only decide values that are part of the key.

    Another content that gives the same values is then not another model.
    """
    _by_value.append(True)
    try:
        yield
    finally:
        _by_value.pop()


@contextlib.contextmanager
def unnoted() -> Iterator[None]:
    """Ignore the accesses of this thread within the block: the gate itself accesses files."""
    was_noting, _busy.is_noting = getattr(_busy, "is_noting", False), True
    try:
        yield
    finally:
        _busy.is_noting = was_noting


def _source_of(file: str) -> str:
    """Return the source of compiled code, if it exists."""
    if file.endswith(".pyc"):
        with contextlib.suppress(ValueError, NotImplementedError):
            source = importlib.util.source_from_cache(file)
            if os.path.isfile(source):  # noqa: PTH113
                return source
    return file


def _searched(file: str) -> tuple[str, str]:
    """Return the folder in which a module, or its package, was found, and its name."""
    folder, name = os.path.split(file)
    name = name.partition(".")[0]
    return os.path.split(folder) if name == "__init__" else (folder, name)
