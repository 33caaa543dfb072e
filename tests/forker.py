"""Python processes that are forked from one that has imported what they need: a process that
imports MMDetection takes five seconds to start, and a worker of pytest-xdist two.

`serve` runs in the process that forks. At the other end of its socket, `Forker.popen` stands in for
`subprocess.Popen`. A request is a JSON object after its length, with the descriptors of the three
standard streams; its answer is a number: the process id, or the exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import json
import os
import runpy
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_LENGTH = struct.Struct("!I")
_ANSWER = struct.Struct("!q")
_LAUNCHER = "torch.distributed.run"
_RUNS = 1 << 40
"""The answer in the place of an exit code, while there is none."""


class Forker:
    """Has processes forked at the other end of a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def popen(self, args: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a module or a program text, as `subprocess.Popen` would; others it does start."""
        if _program(args) is None:
            return subprocess.Popen(args, **options)
        return _Forked(self, args, **options)

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> int:
        """Send a request and return its answer."""
        body = json.dumps(request).encode()
        with self._lock:
            socket.send_fds(self._connection, [_LENGTH.pack(len(body))], list(descriptors))
            self._connection.sendall(body)
            (answer,) = _ANSWER.unpack(_receive(self._connection, _ANSWER.size))
        return int(answer)


class _Forked(subprocess.Popen[Any]):
    """A process that another one forks and waits for."""

    def __init__(self, forker: Forker, arguments: Sequence[str], **options: Any) -> None:
        self._forker = forker
        super().__init__(arguments, **options)

    def _execute_child(self, *values: Any) -> None:
        names = list(inspect.signature(super()._execute_child).parameters)  # type: ignore[misc]
        given = dict(zip(names, values, strict=True))
        environment = os.environ if given["env"] is None else given["env"]
        request = {
            "program": _program(given["args"]),
            "environment": dict(environment),
            "folder": os.fspath(given["cwd"] or os.getcwd()),  # noqa: PTH109 (as given)
            "in_new_session": given["start_new_session"],
        }
        ends = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
        inherited = [number if end == -1 else end for number, end in enumerate(ends)]
        self.pid = self._forker.ask(request, inherited)
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]

    def _internal_poll(self, *_: object) -> int | None:
        if self.returncode is None:
            code = self._forker.ask({"ended": self.pid})
            self.returncode = None if code == _RUNS else code
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self._internal_poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            time.sleep(0.005)
        return code


def _program(arguments: Sequence[str]) -> list[str] | None:
    """The arguments of Python from `-m` or `-c` on; None where they ask for anything more."""
    python, *rest = arguments
    while rest and rest[0] in ("-u", "-B"):
        del rest[0]
    known = python == sys.executable and len(rest) > 1 and rest[0] in ("-m", "-c")
    return rest if known else None


def fork_forker(search_path: Sequence[str]) -> Forker:
    """Fork a process that forks, as this process is now."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        serve(theirs, search_path)
    theirs.close()
    return Forker(ours)


def unseen(function: F) -> F:
    """A function whose code has no file: a gate that watches what the code of a project does then
    takes no call of it for one of the project."""
    function.__code__ = function.__code__.replace(co_filename=f"<{function.__name__}>")
    return function


@unseen
def serve(requests: socket.socket, search_path: Sequence[str]) -> NoReturn:
    """Fork processes until the other end is gone; `search_path` is that of a bare Python."""
    while True:
        length, descriptors, *_ = socket.recv_fds(requests, _LENGTH.size, 3)
        if not length:
            os._exit(0)
        request = json.loads(_receive(requests, *_LENGTH.unpack(length)))
        if "ended" in request:
            ended, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else _RUNS
        else:
            reading, writing = os.pipe()
            answer = os.fork()
            if answer == 0:
                requests.close()
                os.close(reading)
                if request.pop("in_new_session"):
                    os.setsid()
                os.close(writing)
                _be_process(descriptors, search_path, **request)
            os.close(writing)
            os.read(reading, 1)  # until it has its session, by which it is ended
            os.close(reading)
            for descriptor in descriptors:
                os.close(descriptor)
        requests.sendall(_ANSWER.pack(answer))


@unseen
def _be_process(
    descriptors: Sequence[int],
    search_path: Sequence[str],
    *,
    program: list[str],
    environment: dict[str, str],
    folder: str,
) -> NoReturn:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    kind, text, *arguments = program
    if text == _LAUNCHER:
        _fork_launched(search_path)
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["" if kind == "-c" else folder, *paths, *search_path]
    sys.argv[:] = [kind, *arguments]
    code: object = 0
    try:
        if kind == "-m":
            runpy.run_module(text, run_name="__main__", alter_sys=True)
        else:
            sys.modules["__main__"] = main = ModuleType("__main__")
            exec(compile(text, "<string>", "exec"), vars(main))
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    end(code if isinstance(code, int) else int(code is not None))


def _fork_launched(search_path: Sequence[str]) -> None:
    """Let the launcher have the processes forked that train together.

    A launcher of torch before 2.3 starts them as usual.
    """
    try:
        from torch.distributed.elastic.multiprocessing import subprocess_handler
    except ImportError:
        return

    vars(subprocess_handler.subprocess_handler)["Popen"] = fork_forker(search_path).popen


def _receive(sender: socket.socket, size: int) -> bytes:
    received = sender.recv(size, socket.MSG_WAITALL)
    assert len(received) == size, "the process that forks has ended"
    return received


def end(code: int) -> NoReturn:
    """End as Python does, without taking down a thousand modules: each page of memory that this
    touches would have to be copied."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):  # of a stream that is closed
            stream.flush()
    os._exit(code)
