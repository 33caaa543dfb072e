"""Reads of environment variables, which no audit event tells of."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Protocol

_Plain = type(os.environ)


class Listener(Protocol):
    """Hears of environment variables."""

    def on_variable(self, name: str, value: str | None) -> None:
        """One is asked for; None where it is not set."""

    def on_all_variables(self) -> None:
        """Their names are listed."""

    def on_set_variable(self, name: str) -> None:
        """One is about to be set or removed."""


_listeners: list[Listener] = []


class _Heard(_Plain):  # type: ignore[misc, valid-type]
    """Takes the place of the class of `os.environ`, so that whoever holds that object is heard."""

    def __getitem__(self, key: Any) -> Any:
        try:
            value = super().__getitem__(key)
        except KeyError:
            _tell(key, None)
            raise
        _tell(key, value)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        for listener in _listeners:
            listener.on_set_variable(os.fsdecode(key))
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        for listener in _listeners:
            listener.on_set_variable(os.fsdecode(key))
        super().__delitem__(key)

    def __iter__(self) -> Iterator[Any]:
        for listener in _listeners:
            listener.on_all_variables()
        found: Iterator[Any] = super().__iter__()
        return found


def _tell(key: Any, value: Any) -> None:
    for listener in _listeners:
        listener.on_variable(os.fsdecode(key), None if value is None else os.fsdecode(value))


@contextlib.contextmanager
def listening_to_environment(listener: Listener) -> Iterator[None]:
    """Tell a listener of all reads of `os.environ` and `os.environb` meanwhile."""
    variables = [os.environ, getattr(os, "environb", os.environ)]
    for one in variables:
        # Somebody may have put another kind of mapping in its place.
        if type(one) is _Plain:
            one.__class__ = _Heard
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            for one in variables:
                if type(one) is _Heard:
                    one.__class__ = _Plain  # type: ignore[assignment]
