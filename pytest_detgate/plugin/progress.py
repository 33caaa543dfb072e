"""Progress of long work on the terminal: done, rate and time left. A log stays quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

_REFRESH_S = 0.2


class TerminalProgress:
    """One line that is written over, around pytest's own capturing."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        started = time.monotonic()
        shown = 0.0
        done = 0

        def advance(finished: int) -> None:
            nonlocal done, shown
            done += finished
            now = time.monotonic()
            if now - shown >= _REFRESH_S or done >= total:
                shown = now
                self._write("\r\x1b[2K" + progress_line(label, done, total, unit, now - started))

        advance(0)
        try:
            yield advance
        finally:
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        with self._uncaptured():
            sys.stderr.write(text)
            sys.stderr.flush()

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
