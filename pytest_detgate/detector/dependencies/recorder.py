"""Notes what code looks at while it works: files, folders, modules and environment variables.

Python's audit events tell of most of it; `environment` and `lookups` tell of the rest. What
compiled code opens by itself nobody tells.
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
from pytest_detgate.detector.dependencies.environment import listening_to_environment
from pytest_detgate.detector.dependencies.events import LOOKS, Look
from pytest_detgate.detector.dependencies.import_notes import Kind, Notes
from pytest_detgate.detector.dependencies.lookups import listening_to_lookups
from pytest_detgate.detector.dependencies.project_code import Caller, CallStack, installed_places
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

# Where packages look on their own account: libraries, fonts, time zones, what they have compiled.
_SYSTEM = tuple(f"/{name}/" for name in ("etc", "usr", "lib", "lib64", "bin", "sbin"))
_CACHES = ("/matplotlib/", "/fontconfig/", "/torchinductor_", "/.triton/", "/numba_cache/")
_COMPILED = (".pyc", ".so", ".pyd", ".dylib", ".dll")

_busy = threading.local()
_by_value: list[bool] = []


class Recorder:
    """Notes what is looked at between `with` and its end, by code of the project or for it.

    `folder` is that of the project. `own` are folders of installed packages that count as code of
    the project. `ignored` says of which paths nothing is noted. What the code has made itself is
    not noted either, unless it is `known`. With `only_imports` nothing is noted but what modules
    look at when they are imported, in `import_notes`.
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
        """What was looked at for values that are part of the key themselves: `noted_by_value`."""
        self._stack = CallStack(own)
        self._ignored = ignored
        self._made: set[str] = set()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Recorder:
        self._open.enter_context(listening(self._on_event))
        self._open.enter_context(listening_to_environment(self))
        self._open.enter_context(listening_to_lookups(self))
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
        if event in LOOKS:
            with self._noting() as is_free:
                look = LOOKS[event](*arguments) if is_free else None
                if look is not None:
                    self._on_look(look)

    def _on_look(self, look: Look) -> None:
        kind, name = look
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

    def _note_read(self, kind: Kind, name: str, state: Callable[[str], object]) -> None:
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
        if caller.file is not None:  # a function of it may import at any time
            import_notes.add(caller.file, ("module", file), file_signature(file))
        # A module of the same name in a folder that is searched before would take its place.
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
        """Whether a folder that is searched for modules is the project's, in it or around it."""
        try:
            common = os.path.commonpath([folder, self._folder])
        except ValueError:  # another drive
            return False
        return common in (folder, self._folder)

    def _note_hidden(self, what: str, counts: Callable[[Caller], bool]) -> None:
        caller = self._stack.caller()
        if counts(caller):
            self._note("hidden", what, lambda _: None, caller)

    def _note(self, kind: Kind, name: str, state: Callable[[str], object], caller: Caller) -> None:
        if self._only_imports and not caller.modules:
            return
        found = state(name)
        if not self._only_imports:
            (self.by_value if _by_value else self.notes).setdefault((kind, name), found)
        for module in caller.modules:
            import_notes.add(module, (kind, name), found)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[bool]:
        """Whether this thread may note something: what notes itself looks at files, too. What goes
        wrong meanwhile must not stop the code that is looked at."""
        if getattr(_busy, "is_noting", False):
            yield False
            return
        with unnoted():
            try:
                yield True
            except Exception as error:
                why = f"what it looks at cannot be noted: {type(error).__name__}: {error}"
                self.notes.setdefault(("hidden", why), None)

    def _is_noise(self, path: str) -> bool:
        return (
            self._ignored(path)
            or f"{path}{os.sep}".startswith(installed_places())
            or self._is_made(path)
        )

    def _is_made(self, path: str) -> bool:
        if path in self._known:
            return False
        while self._made:
            if path in self._made:
                return True
            shorter = os.path.dirname(path)  # noqa: PTH120
            if shorter == path:
                break
            path = shorter
        return False


_watching: list[Recorder] = []


def watch_imports() -> None:
    """Note from now on what modules of the project look at when they are imported, so that a model
    may be made of one that was imported long before."""
    if not _watching:
        _watching.append(Recorder(only_imports=True).__enter__())


def stop_watching_imports() -> None:
    """Note no more of that: it costs time whenever a file is looked at."""
    while _watching:
        _watching.pop().__exit__()


@contextlib.contextmanager
def noted_by_value() -> Iterator[None]:
    """Note apart what is looked at meanwhile: all that it decides are values that are themselves
    part of the key, so that another content which gives the same values is no other model."""
    _by_value.append(True)
    try:
        yield
    finally:
        _by_value.pop()


@contextlib.contextmanager
def unnoted() -> Iterator[None]:
    """Note nothing of what this thread looks at meanwhile: the gate itself looks at files."""
    was_noting, _busy.is_noting = getattr(_busy, "is_noting", False), True
    try:
        yield
    finally:
        _busy.is_noting = was_noting


def _source_of(file: str) -> str:
    """The source of compiled code, where that is there."""
    if file.endswith(".pyc"):
        with contextlib.suppress(ValueError, NotImplementedError):
            source = importlib.util.source_from_cache(file)
            if os.path.isfile(source):  # noqa: PTH113
                return source
    return file


def _searched(file: str) -> tuple[str, str]:
    """The folder in which a module was found if it is no part of a package, and its name."""
    folder, name = os.path.split(file)
    name = name.partition(".")[0]
    return os.path.split(folder) if name == "__init__" else (folder, name)
