"""Runs of pytest in forked processes, which start ten times as fast as fresh ones."""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

import pytest

from tests.forker import Forker

CORE: tuple[str, ...] = ()
"""Modules that a process imports besides those that a gate of result files needs: none."""
MMDETECTION = ("torch", "mmdet.apis", "mmdet.models", "mmdet.datasets", "mmdet.evaluation")
"""What a gate of an MMDetection checkpoint needs."""
_SERVE = "import sys; from tests.fork_server import main; main(sys.argv[1:])"
_ROOT = Path(__file__).resolve().parents[1]
_READ_AT_THE_START = ("PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONHASHSEED", "PYTHONUTF8")
_servers: dict[tuple[str, ...], _Server] = {}


class _Server:
    def __init__(self, modules: tuple[str, ...]) -> None:
        names = [
            name
            for name in os.environ
            if not name.startswith(("PYTEST_", "GITHUB_", "DETGATE_TEST_"))
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *modules],
            cwd=_ROOT,
            env={name: os.environ[name] for name in names} | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        atexit.register(self._end)
        assert self._read() == "ready"

    def popen(
        self,
        command: Sequence[str],
        stdin: object,
        stdout: TextIO,
        stderr: TextIO,
        **further: object,
    ) -> _Ended:
        """Run pytest in a child until it ends, in the place of `Pytester.popen`, whose further
        arguments depend on pytest's release."""
        assert command[:2] == (sys.executable, "-mpytest"), command
        folder = os.getcwd()  # noqa: PTH109 (as the variable has it)
        return _Ended(self.run(folder, command[2:], os.environ, [stdout.name, stderr.name]))

    def run(
        self,
        folder: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Sequence[str],
    ) -> int:
        """The exit code of pytest in a child; `output` are the files of what it prints."""
        paths = filter(None, [folder, environment.get("PYTHONPATH")])
        request = {
            "folder": folder,
            "arguments": arguments,
            "environment": {**environment, "PYTHONPATH": os.pathsep.join(paths)},
            "output": output,
        }
        print(json.dumps(request), file=_pipe(self._process.stdin), flush=True)
        answer = self._read()
        assert isinstance(answer, dict)
        return int(answer["code"])

    def forker(self) -> Forker:
        """What forks other processes than pytest."""
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
            path = os.path.join(folder, "socket")  # noqa: PTH118 (a text, as short as can be)
            listening.bind(path)
            listening.listen()
            print(json.dumps({"socket": path}), file=_pipe(self._process.stdin), flush=True)
            return Forker(listening.accept()[0])

    def _read(self) -> object:
        line = _pipe(self._process.stdout).readline()
        assert line, "the fork server has ended"
        answer: object = json.loads(line)
        return answer

    def _end(self) -> None:
        with self._process:
            _pipe(self._process.stdin).close()


@dataclass(frozen=True)
class _Ended:
    """As much of `subprocess.Popen` as pytester asks for."""

    code: int
    stdin: None = None

    def wait(self) -> int:
        return self.code


def run_forked(
    pytester: pytest.Pytester, *arguments: str, preload: tuple[str, ...] = CORE
) -> pytest.RunResult:
    """What `pytester.runpytest_subprocess` does, in a child of a process that has imported
    `preload`; in a fresh one where processes cannot be forked, or where a variable asks something
    of Python itself."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(os, "fork") and not any(name in os.environ for name in _READ_AT_THE_START):
            patch.setattr(pytester, "popen", _server(preload).popen)
        return pytester.runpytest_subprocess(*arguments)


def gate_forked(
    folder: Path,
    *arguments: str,
    preload: tuple[str, ...] = CORE,
    environment: Mapping[str, str] = os.environ,
) -> tuple[int, str]:
    """The exit code of pytest in a folder and what it printed, from a child of a process that has
    imported `preload`; from a fresh one where processes cannot be forked."""
    with tempfile.TemporaryDirectory() as beside:
        output = Path(beside, "output.txt")
        if hasattr(os, "fork"):
            files = [str(output), str(Path(beside, "errors.txt"))]
            code = _server(preload).run(str(folder), arguments, environment, files)
        else:
            with output.open("wb") as file:
                command = [sys.executable, "-m", "pytest", *arguments]
                code = subprocess.run(
                    command, cwd=folder, env=environment, stdout=file, check=False
                ).returncode
        return code, output.read_text("utf-8", errors="replace")


def python_says(folder: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int, bytes]:
    """The exit code of Python in a folder and what it printed, errors last, from a child of a
    process that has imported the gate; from a fresh one where processes cannot be forked."""
    start = forker(CORE).popen if hasattr(os, "fork") else subprocess.Popen
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    with start(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe) as process:
        printed, errors = process.communicate()
    return process.returncode, printed + errors


@functools.cache
def forker(preload: tuple[str, ...]) -> Forker:
    """What forks Python processes that have imported `preload`."""
    return _server(preload).forker()


def _server(preload: tuple[str, ...]) -> _Server:
    if preload not in _servers:
        _servers[preload] = _Server(preload)
    return _servers[preload]


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
