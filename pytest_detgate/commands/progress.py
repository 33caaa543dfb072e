"""Progress of a command on a terminal: one line, which is gone when the work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_detgate.plugin.output.progress import CLEAR_LINE, shown_now_and_then
from pytest_detgate.progress import NoProgress, Progress


def progress_of_command() -> Progress:
    """What shows the progress: the error output where it is a terminal; a log stays quiet."""
    return CommandProgress() if sys.stderr.isatty() else NoProgress()


class CommandProgress:
    """Tasks may be inside each other: the innermost is shown."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        try:
            yield shown_now_and_then(
                label, total, unit, lambda line: self._write(CLEAR_LINE + line)
            )
        finally:
            self._write(CLEAR_LINE)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
