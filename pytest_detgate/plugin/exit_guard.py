"""A run that gates ends with exit code 0 only if the gate has passed, or has nothing to judge.

Code of the project can end a run before there is a verdict, or after it, as a success: by
`sys.exit`, by `pytest.exit`, and by `os._exit`, after which pytest can do nothing more.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Iterator

import pytest


class ExitGuard:
    """Turns exit code 0 of this process into 1 from `start` to `stop`.

    Forked processes end as they want.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._real = os._exit
        self._is_on = False
        self._is_in_run = False

    def start(self) -> None:
        """Begin: this run gates."""
        if not self._is_on:
            self._is_on, self._real = True, os._exit
            os._exit = self._exit  # type: ignore[assignment]

    def stop(self) -> None:
        """End: the gate has passed, or the run is over."""
        if os._exit == self._exit:
            os._exit = self._real
        self._is_on = False

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Within the block, `SystemExit` is no success either."""
        try:
            yield
        except SystemExit as end:
            if end.code or not self._is_on:
                raise
            raise SystemExit(self._status(0)) from end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self) -> Generator[None, int, int]:
        self._is_in_run = True
        try:
            with self.guarded():
                return self._status((yield))
        finally:
            self.stop()

    def stop_without_run(self) -> None:
        """End where the options were wrong; `config` of a run is closed before it has a result."""
        if not self._is_in_run:
            self.stop()

    def _exit(self, status: int) -> None:
        self._real(self._status(status) if os.getpid() == self._process else status)

    def _status(self, status: int) -> int:
        if status or not self._is_on:
            return status
        text = "the run was ended before the gate has passed, so its exit code is 1, not 0"
        with contextlib.suppress(OSError, ValueError):  # the stream may be closed
            print(f"detgate: {text}", file=sys.stderr, flush=True)
        return int(pytest.ExitCode.TESTS_FAILED)


GUARD = pytest.StashKey[ExitGuard]()
"""The guard of a process of pytest."""


def exit_guard(config: pytest.Config) -> ExitGuard:
    """Return the guard of this process, which ends with `config`."""
    if GUARD not in config.stash:
        guard = config.stash[GUARD] = ExitGuard()
        config.pluginmanager.register(guard)
        config.add_cleanup(guard.stop_without_run)
    return config.stash[GUARD]
