"""Separate processes for heavy work: start, messages, end.

Such a process sends messages, a line of JSON each, on its standard output.
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
"""Time that a process has to end by itself, after a signal or its last message."""


def start_process(
    module: str,
    arguments: Sequence[str],
    *,
    device: str,
    log: IO[bytes],
    with_stdin: bool = False,
    through: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Run a module that sends messages; what it prints goes to the log.

    It has the module search path of this process, and on `cpu` no GPU. `with_stdin` makes a pipe to
    its standard input. `through` are further arguments of Python, such as a launcher with its
    options.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONWARNINGS", None)  # warnings there must not become errors
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return subprocess.Popen(
        [sys.executable, *through, "-m", module, *arguments],
        stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def receive_messages(process: subprocess.Popen[bytes], kind: type[M]) -> Iterator[M]:
    """Yield each message as it comes, until the process ends."""
    decode = msgspec.json.Decoder(kind).decode
    assert process.stdout is not None
    for line in process.stdout:
        if not line.endswith(b"\n"):
            return  # the process was killed while it wrote
        yield decode(line)


class MessageWriter:
    """Sends messages from within such a process.

    Constructing it redirects the standard output of all other code to the standard error. If the
    parent is gone, sending raises `BrokenPipeError`.
    """

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def send(self, message: msgspec.Struct) -> None:
        """Send one message."""
        self._file.write(msgspec.json.encode(message) + b"\n")
        self._file.flush()


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End the process and the processes that it started, if they still run."""

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


def exit_reason(code: int, log: Path) -> str:
    """Say how a process ended that sent no error, and the last line that it printed."""
    if code < 0:
        reason = f"the process was ended by {signal.Signals(-code).name}"
    else:
        reason = f"the process ended with exit code {code}"
    lines = read_regular_text(log, errors="replace").strip().splitlines()
    return f"{reason} after {lines[-1]!r}" if lines else reason
