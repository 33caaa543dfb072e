"""Processes of our own at the other end of two pipes, for messages in both directions."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from pytest_detgate.detector.subprocesses import end_process, exit_reason, start_process
from pytest_detgate.detector.workers.messages import Message, read_message, write_message


def take_over_stdio() -> tuple[IO[bytes], IO[bytes]]:
    """Return the files to read messages from and to write them to, within such a process.

    From now on all other code reads nothing from the standard input, and what it prints goes to the
    standard error.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    os.dup2(2, 1)
    return requests, replies


class PipedProcess:
    """A process that runs a module of ours. A thread calls `on_message` with each message that it
    sends, and with None when it has ended."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        device: str,
        log: Path,
        on_message: Callable[[Message | None], None],
    ) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process: subprocess.Popen[bytes] = start_process(
                module, arguments, device=device, log=file, with_stdin=True
            )
        self._on_message = on_message
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, message: Message) -> None:
        """Send a message; if the process is gone, `on_message` is called with None instead."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            write_message(self.process.stdin, message)

    def end(self, patience_s: float = 0.2) -> None:
        """End the process. Its input is closed first, so that it can end by itself."""
        with contextlib.suppress(OSError, ValueError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_s)
        end_process(self.process)
        self._reader.join()

    def exit_reason(self) -> str:
        """Say how a process ended that has stopped sending."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.end(0)
        return exit_reason(self.process.returncode, self.log)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout, contextlib.suppress(OSError, ValueError):
            while (message := read_message(self.process.stdout)) is not None:
                self._on_message(message)
        self._on_message(None)
