"""Workers of pytest-xdist that are forked, for a child of the fork server: each would import for
two seconds what the server has imported.

They are forked from a process that is forked itself before the run begins, so that they know
nothing of it. The run asks for one, or for the end of one, with a number on a socket: 0, with the
worker's pipes, which is answered with its process id; or such an id, which is answered with its
exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import struct
import sys
import threading
from typing import NoReturn

_NUMBER = struct.Struct("!q")
_NEW_WORKER = 0


def fork_workers() -> None:
    """Let pytest-xdist have its workers forked, in this process; without it nothing changes."""
    try:
        from execnet import gateway_base, gateway_io
    except ImportError:
        return
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    lock = threading.Lock()

    class ForkedIO(gateway_io.Popen2IOMaster):
        """What starts a worker in the place of `python -c`."""

        def __init__(self, arguments: object, execmodel: gateway_base.ExecModel) -> None:
            worker = _Worker(ours, lock)
            self.popen = worker
            gateway_base.Popen2IO.__init__(self, worker.stdin, worker.stdout, execmodel=execmodel)

    vars(gateway_io)[gateway_io.Popen2IOMaster.__name__] = ForkedIO


class _Worker:
    """As much of `subprocess.Popen` as execnet asks for."""

    def __init__(self, forker: socket.socket, lock: threading.Lock) -> None:
        self._forker, self._lock = forker, lock
        self._code: int | None = None
        (source, stdin), (stdout, sink) = os.pipe(), os.pipe()
        with lock:
            socket.send_fds(forker, [_NUMBER.pack(_NEW_WORKER)], [source, sink])
            self._pid = _receive(forker)
        os.close(source)
        os.close(sink)
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
        self.stdin.write(json.dumps(dict(os.environ)).encode() + b"\n")

    def wait(self) -> int:
        with self._lock:
            if self._code is None:
                self._forker.sendall(_NUMBER.pack(self._pid))
                self._code = _receive(self._forker)
        return self._code

    def kill(self) -> None:
        # Until it is waited for, its number is no other's.
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)


def _receive(sender: socket.socket) -> int:
    (number,) = _NUMBER.unpack(sender.recv(_NUMBER.size, socket.MSG_WAITALL))
    return int(number)


def _serve(run: socket.socket) -> NoReturn:
    """Fork and wait for workers until the run has ended."""
    while True:
        asked, pipes, *_ = socket.recv_fds(run, _NUMBER.size, 2)
        if not asked:
            os._exit(0)
        (number,) = _NUMBER.unpack(asked)
        if number == _NEW_WORKER:
            number = os.fork()
            if number == 0:
                run.close()
                _be_worker(*pipes)
            for pipe in pipes:
                os.close(pipe)
        else:
            number = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        run.sendall(_NUMBER.pack(number))


def _be_worker(source: int, sink: int) -> NoReturn:
    """Do as `python -c` does with execnet's line, which reads a program from standard input."""
    for number, pipe in enumerate((source, sink)):
        os.dup2(pipe, number)
        os.close(pipe)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(json.loads(sys.stdin.readline()))
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
    end(0)


def end(code: int) -> NoReturn:
    """End as Python does, but for taking down some thousand modules: each page of memory that this
    touches would have to be copied."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError):  # of a stream that is closed
            stream.flush()
    os._exit(code)
