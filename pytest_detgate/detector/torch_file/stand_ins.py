"""Meanings of the names in a file: a maker of one kind of value, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pytest_detgate.detector.name_lists import shown_name
from pytest_detgate.detector.torch_file.refusals import UnreadableError


class StandIn:
    """Replaces an object that is not needed. It does nothing that a file asks of it."""

    def __init__(self, name: str) -> None:
        self.name = shown_name(name)

    def __repr__(self) -> str:
        return f"<an object of {self.name}, not read>"


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the values that a file names so; not callable, because a file may store it."""

    name: str
    make: Callable[..., object]
    count: Callable[[Iterable[object]], None]
    """Is called with the arguments before; raises where a file has asked for too much."""


def call(function: object, arguments: object) -> object:
    """Return what a file makes by calling one of its names."""
    if not isinstance(arguments, tuple):
        raise UnreadableError("the arguments of a call are none")
    if isinstance(function, StandIn):
        return StandIn(function.name)
    if not isinstance(function, Maker):
        raise UnreadableError(f"it calls a {type(function).__name__}")
    function.count(arguments)
    try:
        return function.make(*arguments)
    except TypeError as error:  # another number of arguments
        raise UnreadableError(f"it calls {function.name} in another way than torch") from error
