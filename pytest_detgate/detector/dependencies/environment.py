"""Notification of reads of environment variables, for which there are no audit events."""

from __future__ import annotations

import collections.abc
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol

_Plain = type(os.environ)
# Its views of a mapping list the names and read the values for the calling code.
_VIEWS = collections.abc.Mapping.get.__code__.co_filename


class EnvironmentListener(Protocol):
    """Is notified of accesses to environment variables."""

    def on_variable(self, name: str, value: str | None) -> None:
        """A variable is read; None if it is not set."""

    def on_all_variables(self) -> None:
        """The names of all variables are read."""

    def on_set_variable(self, name: str) -> None:
        """A variable is about to be set or removed."""


class _State(threading.local):
    def __init__(self) -> None:
        self.listed: set[Any] = set()
        """Names that were listed: a copy of the environment reads their values next."""
        self.lister: object = None
        """The step of the code that listed them."""


_state = _State()
_listeners: list[EnvironmentListener] = []


class _ObservedEnvironment(_Plain):  # type: ignore[misc, valid-type]
    """Replaces the class of `os.environ`, so that all references to that object are observed.

    A copy of the environment lists the names and reads each value once, in a single step of the
    code. These reads are not reported one by one: a copy would depend on the number of the CI run,
    whether or not the code uses it.
    """

    def __getitem__(self, key: Any) -> Any:
        try:
            value = super().__getitem__(key)
        except KeyError:
            _notify(key, None)
            raise
        if key in _state.listed and _state.lister == _step():
            _state.listed.discard(key)
        else:
            _notify(key, value)
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
        _state.listed = set()
        for key in super().__iter__():
            _state.lister = _step()
            _state.listed.add(key)
            yield key

    def __repr__(self) -> str:
        # It reads the values without asking for them.
        for listener in _listeners:
            listener.on_all_variables()
        return str(super().__repr__())


def _step() -> object:
    """Return what is the same until the calling code goes on: its frame and the place in it."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == _VIEWS and frame.f_back is not None:
        frame = frame.f_back
    return id(frame), frame.f_code, frame.f_lasti


def _notify(key: Any, value: Any) -> None:
    for listener in _listeners:
        listener.on_variable(os.fsdecode(key), None if value is None else os.fsdecode(value))


@contextlib.contextmanager
def observe_environment(listener: EnvironmentListener) -> Iterator[None]:
    """Notify a listener of all accesses to `os.environ` and `os.environb` within the block."""
    mappings = [os.environ, getattr(os, "environb", os.environ)]
    for mapping in mappings:
        # Other code may have replaced it by another kind of mapping.
        if type(mapping) is _Plain:
            mapping.__class__ = _ObservedEnvironment
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            for mapping in mappings:
                if type(mapping) is _ObservedEnvironment:
                    mapping.__class__ = _Plain  # type: ignore[assignment]
