"""Recorder of the accesses of code: files, folders, modules and environment variables.

Python's audit events report most of them; `environment` and `lookups` report the others. Files that
compiled code opens itself are not reported.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from pytest_detgate.detector.audit_hook import listening
from pytest_detgate.detector.dependencies.environment import observe_environment
from pytest_detgate.detector.dependencies.events import ACCESSES, Access
from pytest_detgate.detector.dependencies.forked_notes import ForkedNotes
from pytest_detgate.detector.dependencies.lookups import observe_lookups
from pytest_detgate.detector.dependencies.notebook import COMPILED, Notebook
from pytest_detgate.detector.dependencies.state import (
    STATES,
    file_signature,
    listing_state,
    lookup_state,
    pattern_state,
)
from pytest_detgate.detector.dependencies.switches import (
    ignore_finalizers,
    is_unnoted,
    unnoted,
)
from pytest_detgate.detector.dependencies.variables import (
    ALL_VARIABLES,
    MISSING,
    is_of_process,
    value_state,
    variable_state,
)


class Recorder(Notebook):
    """Notes the accesses within a `with` block by code of the project, or on its behalf.

    `folder` is that of the project. `own` are folders of installed packages that count as code of
    the project. `ignored` returns whether to ignore a path. Files that the code has made itself are
    ignored too, unless they are `known`. With `only_imports` only the accesses of modules during
    their import are noted, in `import_notes`. With `follows_forks` forked processes take notes,
    too; without it, a fork is a hidden reason.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        own: Iterable[str] = (),
        ignored: Callable[[str], bool] = lambda path: False,
        known: Container[str] = (),
        only_imports: bool = False,
        follows_forks: bool = False,
    ) -> None:
        super().__init__(folder, own=own, ignored=ignored, known=known, only_imports=only_imports)
        self._follows_forks = follows_forks
        if follows_forks:
            self._forks = ForkedNotes()
        self._answered: set[tuple[str, CodeType]] = set()
        self._open = contextlib.ExitStack()
        self._is_open = False
        self._waits_in: int | None = None
        """The thread whose accesses are ignored for now."""
        self._n_threads = _thread._count()

    def __enter__(self) -> Recorder:
        if not self._is_open:
            ignore_finalizers()
            self._open.enter_context(listening(self._on_event))
            self._open.enter_context(observe_environment(self))
            self._open.enter_context(observe_lookups(self))
            self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more notes."""
        self._open.close()
        self._is_open = False

    def add_notes_of_forks(self) -> None:
        """Add the notes of forked processes, each with its state now."""
        if self._forks is not None:
            with unnoted():
                for kind, name in self._forks.received():
                    self.notes.setdefault((kind, name), STATES[kind](name))
                self._forks.remove()

    @contextlib.contextmanager
    def noting(
        self, *, ignored: Callable[[str], bool] | None = None, known: Container[str] | None = None
    ) -> Iterator[None]:
        """Note the accesses within the block, with other paths ignored or known.

        Afterwards only those of threads that have been started since then; call `close` at the end.
        """
        self._ignored = ignored or self._ignored
        self._known = self._known if known is None else known
        self._waits_in = None
        self.__enter__()
        try:
            yield
        finally:
            self._wait()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Ignore the accesses of this thread within the block."""
        before, self._waits_in = self._waits_in, threading.get_ident()
        try:
            yield
        finally:
            self._waits_in = before

    def _wait(self) -> None:
        self._waits_in = threading.get_ident()
        if _thread._count() <= self._n_threads:
            self.close()

    def on_variable(self, name: str, value: str | None) -> None:
        """An environment variable was read."""
        with self._noting() as is_free:
            if is_free and not self._made.has_set(name):
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
        self._made.set_variable(name)

    def is_listening(self) -> bool:
        """Return whether a note would be taken of any access."""
        return not self._only_imports or self._stack.is_within_module()

    def on_lookup(self, path: str) -> None:
        """The status of a file was asked for."""
        # What the same code asks again need not be looked at again: this is called very often.
        question = (path, sys._getframe(2).f_code)
        if question in self._answered and ("lookup", path) in self.notes:
            return
        with self._noting() as is_free:
            if not is_free or self._is_noise(path):
                return
            value = self._stack.value_asked()
            if value is not None:
                self._note_question(value, path)
            caller = self._stack.caller()
            if caller.by == "own":
                self._answered.add(question)
                if ("lookup", path) not in self.notes:
                    self._note("lookup", path, lookup_state, caller)

    def on_question(self, question: str, path: str) -> None:
        """Something else about a file was asked for."""
        with self._noting() as is_free:
            if is_free and not self._is_noise(path):
                self._note_question(question, path)

    def on_file_in_folder(self, path: str) -> None:
        """A file is opened by its name in a folder that is open."""
        with self._noting() as is_free:
            if is_free and not self._is_noise(path):
                self._note_read("file", path, file_signature)

    def on_missing_module(self, name: str, folders: Sequence[str]) -> None:
        """A module was not found."""
        with self._noting() as is_free:
            if is_free:
                caller = self._stack.caller(is_import=True)
                if caller.by == "own":
                    self._note_absent(name.rpartition(".")[2], folders, caller)
                if caller.is_direct:
                    self._note("question", f"module {name}", lambda _: MISSING, caller)

    def on_import_by_name(self, file: str) -> None:
        """A module was imported by its name."""
        with self._noting() as is_free:
            if is_free:
                self._note_package(file)

    def on_process(self, program: str) -> None:
        """A process is started."""
        with self._noting() as is_free:
            if is_free:
                self._note_start(program)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ACCESSES:
            with self._noting() as is_free:
                access = ACCESSES[event](*arguments) if is_free else None
                if access is not None:
                    self._on_access(access)

    def _on_access(self, access: Access) -> None:
        kind, name, source = access
        if kind == "open":
            name = self._made.without_own_links(name)
        if kind == "make":
            self._made.add(name)
        elif kind == "move":
            self._made.move(source, name)
        elif kind == "connect":
            self._note_hidden(name, lambda caller: caller.by == "own")
        elif kind == "start":
            self._note_start(name)
        elif kind == "fork":
            if not self._follows_forks:
                self._note_start(name)
        elif self._is_noise(name):
            return
        elif kind == "extension":
            self._note_module(name)
        elif kind == "open" and self._stack.is_import_system():
            self._note_loaded(name)
        elif kind == "open" and os.path.isdir(name):  # noqa: PTH112
            self._note_read("folder", name, listing_state)
        elif kind == "open" and not name.endswith(COMPILED):
            self._note_read("file", name, file_signature)
        elif kind == "database":
            for part in (name, f"{name}-wal", f"{name}-journal"):
                if os.path.exists(part):  # noqa: PTH110
                    self._note_read("file", part, file_signature)
        elif kind == "list" and not self._stack.is_within_glob():
            self._note_read("folder", name, listing_state)
        elif kind == "match":
            self._note_read("pattern", name, pattern_state)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[bool]:
        """Return whether this thread may take notes: taking notes accesses files, too.

        An error in the block must not stop the observed code.
        """
        if is_unnoted() or self._waits_in == threading.get_ident():
            yield False
            return
        with unnoted():
            try:
                yield True
            except Exception as error:
                reason = f"an access cannot be recorded: {type(error).__name__}: {error}"
                self.notes.setdefault(("hidden", reason), None)


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
