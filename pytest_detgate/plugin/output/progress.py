"""Progress of long work on the terminal: done, rate and time left. A log stays quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

_REFRESH_S = 0.2
CLEAR_LINE = "\r\x1b[2K"
_USUAL_WIDTH = 80


class TerminalProgress:
    """One line that is written over, around pytest's own capturing. Where pytest has begun a line
    for the item that runs, it is the line below, and is gone when the item's verdict is written."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._capture = config.pluginmanager.getplugin("capturemanager")

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        column, width = self._pending()
        self._write("\n" if column else "")

        def show(line: str) -> None:
            self._write(CLEAR_LINE + line[: width - 1])

        try:
            yield shown_now_and_then(label, total, unit, show)
        finally:
            back = f"\x1b[1A\x1b[{column}C" if column else ""
            self._write(CLEAR_LINE + back)

    def _pending(self) -> tuple[int, int]:
        """The column in which pytest left the terminal's cursor, and the terminal's width."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return 0, _USUAL_WIDTH
        reporter.flush()
        writer = reporter._tw
        return writer.width_of_current_line if reporter.isatty else 0, writer.fullwidth

    def _write(self, text: str) -> None:
        with self._uncaptured():
            sys.stderr.write(text)
            sys.stderr.flush()

    def _uncaptured(self) -> AbstractContextManager[Any]:
        if self._capture is None:
            return nullcontext()
        return self._capture.global_and_fixture_disabled()  # type: ignore[no-any-return]


def shown_now_and_then(
    label: str, total: int, unit: str, show: Callable[[str], None]
) -> Callable[[int], None]:
    """Return what takes how much was finished, and shows a line at once, at the end, and not more
    often than a person can read."""
    started = time.monotonic()
    shown, done = 0.0, 0

    def advance(finished: int) -> None:
        nonlocal done, shown
        done += finished
        now = time.monotonic()
        if now - shown >= _REFRESH_S or done >= total:
            shown = now
            show(progress_line(label, done, total, unit, now - started))

    advance(0)
    return advance


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
