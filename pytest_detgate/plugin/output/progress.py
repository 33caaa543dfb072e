"""Progress of long work on the terminal: done, rate and time left. A log stays quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

_REFRESH_S = 0.2
_USUAL_WIDTH = 80


class LineProgress:
    """One line that is written over. Tasks may be inside each other: the innermost is shown."""

    def __init__(self) -> None:
        self._columns: list[int] = []
        """Where the cursor was before each line that is open."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        started = time.monotonic()
        shown = 0.0
        done = 0
        width = self._open()

        def advance(finished: int) -> None:
            nonlocal done, shown
            done += finished
            now = time.monotonic()
            if now - shown >= _REFRESH_S or done >= total:
                shown = now
                line = progress_line(label, done, total, unit, now - started)
                self._write("\r\x1b[2K" + line[: width - 1])

        advance(0)
        try:
            yield advance
        finally:
            self._close()

    def show(self, line: str) -> None:
        """Show a line until `hide` is called."""
        width = self._open()
        self._write("\r\x1b[2K" + line[: width - 1])

    def hide(self) -> None:
        """Remove the line, and put the cursor back."""
        self._close()

    def _open(self) -> int:
        column, width = self._pending()
        self._columns.append(column)
        self._write("\n" if column else "")
        return width

    def _close(self) -> None:
        column = self._columns.pop()
        back = f"\x1b[1A\x1b[{column}C" if column else ""
        self._write("\r\x1b[2K" + back)

    def _pending(self) -> tuple[int, int]:
        """The column in which the cursor of the terminal is, and the terminal's width."""
        return 0, _USUAL_WIDTH

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


class TerminalProgress(LineProgress):
    """The line around pytest's own capturing. Where pytest has begun a line for the item that
    runs, it is the line below, and is gone when the item's verdict is written."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__()
        self._config = config
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def _pending(self) -> tuple[int, int]:
        """The same, with what pytest has written on the line."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return super()._pending()
        reporter.flush()
        writer = reporter._tw
        return writer.width_of_current_line if reporter.isatty else 0, writer.fullwidth

    def _write(self, text: str) -> None:
        with self._uncaptured():
            super()._write(text)

    def _uncaptured(self) -> AbstractContextManager[Any]:
        if self._capture is None:
            return nullcontext()
        return self._capture.global_and_fixture_disabled()  # type: ignore[no-any-return]


def progress_line(label: str, done: int, total: int, unit: str, elapsed_s: float) -> str:
    """One line, e.g. `detecting: 120/400 images, 35.2/s, 8 s left`."""
    text = f"{label}: {done}/{total} {unit}"
    if done and elapsed_s > 0:
        rate = done / elapsed_s
        text += f", {rate:.1f}/s, {duration((total - done) / rate)} left"
    return text[:79]


def duration(seconds: float) -> str:
    """Seconds as a person says them: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
