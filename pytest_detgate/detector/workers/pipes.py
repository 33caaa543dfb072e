"""Processes of our own that are spoken with in messages, and both ends of the pipes to them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from pytest_detgate.detector.subprocesses import end_job, how_it_ended, start_job
from pytest_detgate.detector.workers import messages as wire


def own_ends() -> tuple[IO[bytes], IO[bytes]]:
    """Within such a process: where messages come from, and where they go.

    All that others print goes to the standard error from now on, and nobody else can read what
    is meant for us.
    """
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return asked, told


class SpokenWith:
    """A process that runs a module of ours. What it says is handed to `hear`, in a thread of its
    own; None when it has ended."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        device: str,
        log: Path,
        hear: Callable[[wire.Message | None], None],
    ) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process: subprocess.Popen[bytes] = start_job(
                module, arguments, device=device, log=file, listens=True
            )
        self._hear = hear
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, message: wire.Message) -> None:
        """Send a message; nothing happens if the process is gone, which is heard elsewhere."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            wire.write(self.process.stdin, message)

    def end(self, patience_s: float = 0.2) -> None:
        """End the process, if it is still there; first it may end by itself, as its input does."""
        end(self.process, patience_s)
        self._listener.join()

    def ending(self) -> str:
        """How the process ended that has just been heard to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.end(0)
        return how_it_ended(self.process.returncode, self.log)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout, contextlib.suppress(OSError, ValueError):
            while (message := wire.read(self.process.stdout)) is not None:
                self._hear(message)
        self._hear(None)


def end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """Close the pipe to a process, which makes it end, and see that it does."""
    with contextlib.suppress(OSError, ValueError):
        if process.stdin is not None:
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    end_job(process)
