"""The one audit hook of the process, for those who listen to it for a while.

Python tells an audit hook of every file that is opened, module that is imported, process that is
started and so on (https://docs.python.org/3/library/audit_events.html). A hook cannot be removed
again, so there is one, which does nothing while nobody listens.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
"""Is called with the name of an event and its arguments; what it raises stops the event."""


class _State(threading.local):
    is_listening = False
    """Whether a listener of this thread is at work: its own events are not reported to it."""


_state = _State()
_lock = threading.Lock()
_hooks: list[Listener] = []
# Listeners with the thread they are for (None: all). Replaced as a whole, so that the hook, which
# any thread may run at any time, reads it without a lock.
_listeners: tuple[tuple[Listener, int | None], ...] = ()


@contextlib.contextmanager
def listening(callback: Listener, *, all_threads: bool = True) -> Iterator[None]:
    """Report every audit event to `callback` meanwhile, before what it announces happens.

    An exception of the callback is raised where the event occurs, in place of what was about to
    happen. Events that the callback causes itself are not reported. With `all_threads=False` only
    events of the thread that entered are. Listeners may be nested, and are called in the order in
    which they came.
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
            # By identity, and the last of several alike: a callback may be equal to another one.
            found = next(i for i, one in enumerate(reversed(_listeners)) if one is entry)
            index = len(_listeners) - 1 - found
            _listeners = _listeners[:index] + _listeners[index + 1 :]


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    listeners = _listeners
    if not listeners or _state.is_listening:
        return
    thread = threading.get_ident()
    _state.is_listening = True
    try:
        for callback, wanted in listeners:
            if wanted is None or wanted == thread:
                callback(event, arguments)
    finally:
        _state.is_listening = False
