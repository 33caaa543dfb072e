"""Notes of accesses by code of the project, each with its state at that time."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from pytest_detgate.detector.dependencies import import_notes
from pytest_detgate.detector.dependencies.forked_notes import ForkedNotes
from pytest_detgate.detector.dependencies.import_notes import NoteKind, Notes
from pytest_detgate.detector.dependencies.own_files import OwnFiles
from pytest_detgate.detector.dependencies.project_code import (
    Caller,
    CallStack,
    installed_paths,
    package_of,
)
from pytest_detgate.detector.dependencies.state import (
    FOLDER,
    file_signature,
    lookup_state,
    question_state,
)
from pytest_detgate.detector.dependencies.switches import is_noted_by_value

# Paths that packages read for themselves: libraries, fonts, time zones, compiled code.
_SYSTEM = tuple(f"/{name}/" for name in ("etc", "usr", "lib", "lib64", "bin", "sbin"))
_CACHES = ("/matplotlib/", "/fontconfig/", "/torchinductor_", "/.triton/", "/numba_cache/")
COMPILED = (".pyc", ".so", ".pyd", ".dylib", ".dll")


class Notebook:
    """Takes notes, except of noise and of accesses that the project does not cause."""

    def __init__(
        self,
        folder: Path | None,
        *,
        own: Iterable[str],
        ignored: Callable[[str], bool],
        known: Container[str],
        only_imports: bool,
    ) -> None:
        self._known = known
        self._only_imports = only_imports
        self._folder = os.path.abspath(folder or ".")  # noqa: PTH100
        self.notes: Notes = {}
        self.by_value: Notes = {}
        """Accesses for values that are themselves part of the key: see `noted_by_value`."""
        self._own = tuple(own)
        self._stack = CallStack(self._own)
        self._ignored = ignored
        self._made = OwnFiles()
        self._forks: ForkedNotes | None = None

    def _note_loaded(self, file: str) -> None:
        """Note a file that the import system opens: code, or data that a package requests."""
        if not file.endswith(COMPILED) and not file.endswith(".py"):
            caller = self._stack.caller(is_import=True)
            if caller.by == "own":
                self._note("file", file, file_signature, caller)
        elif file.endswith((".py", ".pyc")):
            source = _source_of(file)
            if source.endswith(".py") or os.path.exists(source):  # noqa: PTH110
                self._note_module(source)

    def _note_package(self, file: str) -> None:
        """Note an installed package that the project imports by name.

        `code_of` finds the packages in its import statements.
        """
        name = package_of(file)
        if name is None or ("package", name) in self.notes:
            return
        caller = self._stack.caller(is_import=True)
        if caller.is_direct:
            self._note("package", name, lambda _: None, caller)
            if caller.file is not None:
                import_notes.add(caller.file, ("package", name), None)

    def _note_question(self, question: str, path: str) -> None:
        name = f"{question} {path}"
        if ("question", name) in self.notes:
            return
        # Each path that is resolved asks this of its folders. One that becomes a link later is
        # noted then.
        if question == "link" and question_state(name) == FOLDER:
            return
        caller = self._stack.caller()
        if caller.by == "own":
            self._note("question", name, question_state, caller)

    def _note_start(self, program: str) -> None:
        if not self._stack.is_harmless_start():
            self._note_hidden(program, lambda caller: caller.by == "own")

    def _note_read(self, kind: NoteKind, name: str, state: Callable[[str], object]) -> None:
        if (kind, name) in self.notes:
            return
        caller = self._stack.caller()
        if caller.by == "own" or (caller.by == "other" and not _is_of_package(name)):
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

    def _note_hidden(self, what: str, counts: Callable[[Caller], bool]) -> None:
        caller = self._stack.caller()
        if counts(caller):
            self._note("hidden", what, lambda _: None, caller)

    def _note(
        self, kind: NoteKind, name: str, state: Callable[[str], object], caller: Caller
    ) -> None:
        if self._only_imports and not caller.modules:
            return
        answer = state(name)
        if not self._only_imports:
            (self.by_value if is_noted_by_value() else self.notes).setdefault((kind, name), answer)
            if self._forks is not None:
                self._forks.send((kind, name))
        for module in caller.modules:
            import_notes.add(module, (kind, name), answer)

    def _is_noise(self, path: str) -> bool:
        if self._ignored(path):
            return True
        is_installed = f"{path}{os.sep}".startswith(installed_paths())
        if is_installed and not path.startswith((*self._own, "/dev/shm/")):
            return True
        return path not in self._known and self._made.has(path)


def _is_of_package(path: str) -> bool:
    """Return whether packages, or the gate, use a file for themselves.

    The first process to lock a file makes it, later ones open it.
    """
    is_cache = any(cache in path for cache in _CACHES)
    return is_cache or path.startswith(_SYSTEM) or path.endswith(".lock")


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
