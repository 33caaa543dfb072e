"""Progress of a command on a terminal: one line, which is gone when the work is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_detgate.plugin.output.progress import REFRESH_S, progress_line
from pytest_detgate.progress import NoProgress, Progress

_CLEAR = "\r\x1b[2K"


def progress_of_command() -> Progress:
    """What shows the progress: the error output where it is a terminal; a log stays quiet."""
    return CommandProgress() if sys.stderr.isatty() else NoProgress()


class CommandProgress:
    """Tasks may be inside each other: the innermost is shown."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        started = time.monotonic()
        done, shown = 0, 0.0

        def advance(finished: int) -> None:
            nonlocal done, shown
            done += finished
            now = time.monotonic()
            if now - shown >= REFRESH_S or done >= total:
                shown = now
                line = progress_line(label, done, total, unit, now - started)
                self._write(_CLEAR + line)

        advance(0)
        try:
            yield advance
        finally:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
