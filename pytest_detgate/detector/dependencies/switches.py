"""Blocks of code whose accesses are ignored, or noted separately."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_busy = threading.local()
_by_value: list[bool] = []


@contextlib.contextmanager
def noted_by_value() -> Iterator[None]:
    """Note accesses within the block separately: they only decide values that are part of the key.

    Another content that gives the same values is then not another model.
    """
    _by_value.append(True)
    try:
        yield
    finally:
        _by_value.pop()


@contextlib.contextmanager
def unnoted() -> Iterator[None]:
    """Ignore the accesses of this thread within the block: the gate itself accesses files."""
    was_noting, _busy.is_noting = getattr(_busy, "is_noting", False), True
    try:
        yield
    finally:
        _busy.is_noting = was_noting


def is_noted_by_value() -> bool:
    """Return whether accesses are noted separately now."""
    return bool(_by_value)


def ignore_finalizers() -> None:
    """From now on, ignore the accesses of objects that the garbage collector removes.

    When it runs depends on everything that the process did before, not on the code that runs then.
    """
    # Never removed: that could happen during a collection, whose end would then be missed.
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, _: object) -> None:
    _busy.is_collecting = phase == "start"


def is_unnoted() -> bool:
    """Return whether the accesses of this thread are ignored now."""
    return getattr(_busy, "is_noting", False) or getattr(_busy, "is_collecting", False)
