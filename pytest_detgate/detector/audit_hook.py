"""The audit hook of this process, which can have temporary listeners.

Python calls an audit hook for every file that is opened, module that is imported, process that is
started and so on (https://docs.python.org/3/library/audit_events.html). A hook cannot be removed,
so there is one, which does nothing without listeners.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
"""Is called with the name of an event and its arguments; an exception of it stops the event."""


class _State(threading.local):
    is_listening = False
    """Whether a listener of this thread is running: its own events are not reported."""


_state = _State()
_lock = threading.Lock()
_hooks: list[Listener] = []
# Listeners, each with its thread (None: all threads). The tuple is replaced as a whole, so that the
# hook, which any thread may run at any time, reads it without a lock.
_listeners: tuple[tuple[Listener, int | None], ...] = ()


@contextlib.contextmanager
def listening(callback: Listener, *, all_threads: bool = True) -> Iterator[None]:
    """Report every audit event within the block to `callback`, before the event takes place.

    An exception of the callback is raised in place of the event. Events that the callback causes
    itself are not reported. With `all_threads=False` only events of the entering thread are
    reported. Listeners may be nested, and are called in the order in which they were added.
    """
    global _listeners
    entry = (callback, None if all_threads else threading.get_ident())
    with _lock:
        if not _hooks:
            sys.addaudithook(_on_event)
            _hooks.append(_on_event)
        _listeners = (*_listeners, entry)
    try:
        yield
    finally:
        with _lock:
            # By identity, because two callbacks may be equal, and from the end.
            from_end = next(i for i, record in enumerate(reversed(_listeners)) if record is entry)
            index = len(_listeners) - 1 - from_end
            _listeners = _listeners[:index] + _listeners[index + 1 :]


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    listeners = _listeners
    if not listeners or _state.is_listening:
        return
    thread = threading.get_ident()
    _state.is_listening = True
    try:
        for callback, own_thread in listeners:
            if own_thread is None or own_thread == thread:
                callback(event, arguments)
    finally:
        _state.is_listening = False
