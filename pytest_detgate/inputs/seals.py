"""Sealed probes: what a model finds on them is known to their own items alone, which show nothing
but a verdict."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_detgate.errors import DataError

if TYPE_CHECKING:
    from pytest_detgate.inputs.sealed_images import Shared


def _nothing(name: str) -> None:
    """Say that a split or probe has no image of a sealed probe."""


class Seals:
    """The sealed probes of a project, and those that the item under evaluation is about."""

    def __init__(
        self, names: Iterable[str], shared_by: Callable[[str], Shared | None] = _nothing
    ) -> None:
        """`shared_by` gives what another split or probe has of their images."""
        self.names = frozenset(names)
        self._shared_by = shared_by
        self._known_apart: frozenset[str] = frozenset()
        self._open: frozenset[str] = frozenset()
        self._for_record = False

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def covers(self, datasets: Iterable[str]) -> bool:
        """Whether a sealed probe is among some splits and probes."""
        return not self.names.isdisjoint(datasets)

    def is_closed(self, name: str) -> bool:
        """Whether the detections on a split or probe must not be seen now."""
        if name in self.names:
            return name not in self._open
        return not self._for_record and self._shared(name) is not None

    def trust(self, names: Iterable[str]) -> None:
        """Hear that splits and probes have no image of a sealed probe, as was looked up before."""
        self._known_apart |= frozenset(names)

    def refuse(self, key: Hashable) -> None:
        """Raise `DataError` for an input, by its key, of a sealed probe that must not be seen now:
        `("detections", name)`."""
        name = key[1] if isinstance(key, tuple) and len(key) > 1 else None
        if not isinstance(name, str) or not self.is_closed(name):
            return
        shared = self._shared(name)
        if shared is not None:
            raise DataError(f"{name} has {shared.text()}")
        raise DataError(
            f"{name} is sealed: only items that are about it look at it, and they show "
            "nothing but their verdict"
        )

    def _shared(self, name: str) -> Shared | None:
        """What a split or probe that is not sealed has of the images of one that is."""
        if not self.names or name in self.names or name in self._known_apart:
            return None
        return self._shared_by(name)

    @contextmanager
    def opened(self, names: Iterable[str], *, for_record: bool = False) -> Iterator[None]:
        """Let the detections on some splits and probes be seen; `for_record` those too that share
        images with a sealed probe, which have none in memory."""
        before = self._open, self._for_record
        self._open, self._for_record = frozenset(names), for_record
        try:
            yield
        finally:
            self._open, self._for_record = before
