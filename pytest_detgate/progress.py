"""Progress reporting for long-running work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shows the progress of one task at a time."""

    def task(
        self, label: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Open a task of `total` units; the yielded function adds finished units."""


class NoProgress:
    """Shows nothing: for logs, xdist workers and library use."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        yield lambda finished: None
