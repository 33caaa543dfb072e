"""Sealed probes: what a model finds on them is known to their own items alone, which show nothing
but a verdict."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager

from pytest_detgate.errors import DataError


class Seals:
    """The sealed probes of a project, and those that the item under evaluation is about."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._open: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def covers(self, datasets: Iterable[str]) -> bool:
        """Whether a sealed probe is among some splits and probes."""
        return not self.names.isdisjoint(datasets)

    def is_closed(self, name: str) -> bool:
        """Whether the detections on a split or probe must not be seen now."""
        return name in self.names - self._open

    def refuse(self, key: Hashable) -> None:
        """Raise `DataError` for an input, by its key, of a sealed probe that must not be seen now:
        `("detections", name)`."""
        if isinstance(key, tuple) and len(key) > 1 and self.is_closed(key[1]):
            raise DataError(
                f"{key[1]} is sealed: only items that are about it look at it, and they show "
                "nothing but their verdict"
            )

    @contextmanager
    def opened(self, names: Iterable[str]) -> Iterator[None]:
        """Let the detections on some splits and probes be seen."""
        before, self._open = self._open, frozenset(names)
        try:
            yield
        finally:
            self._open = before
