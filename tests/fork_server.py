"""A process that has imported pytest, the gate and what they need, and forks a child for each run
of pytest: a run that starts at once, in a process of its own.

Reads a JSON object a line from standard input: `folder`, `arguments`, `environment` and `output`,
the files for standard output and error. Answers with `code`, negative where a signal killed the
child. A child differs from a fresh `python -m pytest` only in what is imported when it starts.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

_NOT_OURS = ("randomly", "html", "metadata")


class _Preload:
    """Imports modules where plugins are loaded, so that pytest treats them as it does a plugin's:
    one that was imported elsewhere is warned of."""

    def __init__(self, modules: list[str]) -> None:
        self._modules = modules

    def pytest_configure(self) -> None:
        for name in self._modules:
            importlib.import_module(name)


def main(modules: list[str]) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    del sys.path[0]  # the folder of this file
    search_path = list(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        disabled = [f"-pno:{name}" for name in (*_NOT_OURS, "cacheprovider")]
        pytest.main(["-q", "--rootdir", folder, *disabled, folder], plugins=[_Preload(modules)])
    gc.collect()
    gc.freeze()
    print(json.dumps("ready"), file=answers, flush=True)
    # Not a loop over the file, which a child would inherit with what is read ahead.
    while request := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            _be_child(search_path=search_path, **json.loads(request))
        _, status = os.waitpid(child, 0)
        answer = {"code": os.waitstatus_to_exitcode(status)}
        print(json.dumps(answer), file=answers, flush=True)


def _be_child(
    *,
    folder: str,
    arguments: list[str],
    environment: dict[str, str],
    output: list[str],
    search_path: list[str],
) -> NoReturn:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [folder, *paths, *search_path]  # as of `python -m pytest`
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(output, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    sys.argv[:] = [pytest.__file__, *arguments]
    raise SystemExit(pytest.main(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
