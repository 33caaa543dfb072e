"""A process of our own for heavy work: how it is started, heard and ended.

It sends messages, a line of JSON each, on its standard output.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from pytest_detgate.regular_file import read_regular_text

M = TypeVar("M", bound=msgspec.Struct)

PATIENCE_SECONDS = 10
"""How long a process that is told to end, or has said its last, may take to do so."""


def start_job(
    module: str,
    arguments: Sequence[str],
    *,
    device: str,
    log: IO[bytes],
    listens: bool = False,
    through: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Run a module that sends messages; what it prints goes to the log.

    It finds the same modules as this process, and on `cpu` no GPU. One that `listens` has a pipe
    for its standard input. `through` are the module and options of what starts it, if that is not
    Python itself.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONWARNINGS", None)  # a warning of theirs must not end the work
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return subprocess.Popen(
        [sys.executable, *through, "-m", module, *arguments],
        stdin=subprocess.PIPE if listens else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def received(process: subprocess.Popen[bytes], kind: type[M]) -> Iterator[M]:
    """Yield each message as it comes, until the process ends."""
    decode = msgspec.json.Decoder(kind).decode
    assert process.stdout is not None
    for line in process.stdout:
        if not line.endswith(b"\n"):
            return  # cut short where the process was killed
        yield decode(line)


class Channel:
    """The other end: sends messages from within the job.

    Opening it turns the standard output into the standard error, for all that others print. If
    the parent is gone, sending raises `BrokenPipeError`.
    """

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def send(self, message: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(message) + b"\n")
        self._file.flush()


def end_job(process: subprocess.Popen[bytes]) -> None:
    """End the process and the workers it started, if they are still there."""

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    if process.poll() is not None:
        return
    send(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    send(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def how_it_ended(code: int, log: Path) -> str:
    """Say of a process that did not say why how it ended, and what it printed last."""
    ended = (
        f"the process was ended by {signal.Signals(-code).name}"
        if code < 0
        else f"the process ended with exit code {code}"
    )
    lines = read_regular_text(log, errors="replace").strip().splitlines()
    return ended + (f" after {lines[-1]!r}" if lines else "")
