"""Progress of xdist workers, which have no terminal: each writes a line into a file of the run, and
the controller shows these lines."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_detgate.plugin.output.progress import TerminalProgress, progress_line
from pytest_detgate.printable import printable
from pytest_detgate.regular_file import read_regular_text

_EVERY_S = 0.5
_SUFFIX = ".progress"


class WorkerProgress:
    """Writes the line of the innermost task into a file, which is gone when the work is done."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._file = folder / f"{worker}{_SUFFIX}"
        self._written = 0.0

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        started = time.monotonic()
        done = 0

        def advance(finished: int) -> None:
            nonlocal done
            done += finished
            now = time.monotonic()
            if now - self._written >= _EVERY_S:
                self._written = now
                self._write(progress_line(label, done, total, unit, now - started))

        advance(0)
        try:
            yield advance
        finally:
            self._written = 0.0
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        # A full disk must not end the work that is shown.
        with contextlib.suppress(OSError):
            self._file.write_bytes(line.encode("utf-8", "replace"))


class ControllerLine(TerminalProgress):
    """Written to pytest's own terminal file: to suspend capturing is for the main thread alone."""

    @property
    def is_terminal(self) -> bool:
        """Whether somebody can see it."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        return reporter is not None and bool(reporter.isatty)

    def _write(self, text: str) -> None:
        file = self._config.pluginmanager.getplugin("terminalreporter")._tw._file
        file.write(text)
        file.flush()


class WorkersProgress:
    """The controller's side: the lines of all workers as one, from a thread, because the controller
    itself only waits. It is drawn below what pytest has written, never while pytest writes."""

    def __init__(self, folder: Path, line: ControllerLine) -> None:
        self._folder = folder
        self._line = line
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._shown = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        if self._line.is_terminal:
            self._thread.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, object, object]:
        with self._lock:
            self._hide()
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hide()
        return (yield)

    def lines(self) -> list[str]:
        """What the workers say now, in the order of their names."""
        lines = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            with contextlib.suppress(OSError, ValueError):
                lines.append(f"{path.stem}: {printable(read_regular_text(path))}")
        return lines

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_S):
            with self._lock:
                self._hide()
                if lines := self.lines():
                    self._line.show("; ".join(lines))
                    self._shown = True

    def _hide(self) -> None:
        if self._shown:
            self._line.hide()
            self._shown = False
