"""A process that has imported pytest, the gate and what they need, and forks a child for each run
of pytest: a run that starts at once, in a process of its own.

Reads a JSON object a line from standard input: `folder`, `arguments`, `environment` and `output`,
the files for standard output and error. Answers with `code`, negative where a signal killed the
child. Or it reads `socket`, where a child then forks other processes than pytest: see `forker`.

A child differs from a fresh `python -m pytest` in what is imported when it starts, in that it takes
nothing of it down when it ends, and in that it does not wait for the disk.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import PathDistribution
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from tests.disk import do_not_wait
from tests.forker import Forker, end, fork_forker, serve, unseen

_PROJECT = """
[dataset.splits.val]
annotations = "val.json"
images = "."
[probes.calm]
annotations = "calm.json"
images = "."
[rules.empty-gt-share]
max = 1.0
[rules.probe-fp]
max-boxes = 1
"""
_NOT_OURS = ("randomly", "html", "metadata")
# Modules that start something, need a framework, or warn when they are imported.
_ELSEWHERE = (
    "pytest_detgate.detector",
    "pytest_detgate.training",
    "pytest_detgate.__main__",
    "pytest_detgate.charts",
)
# What the core imports where it is needed.
_LATE = (
    "hotcoco", "PIL.Image", "scipy.cluster.vq", "scipy.ndimage", "scipy.optimize", "scipy.signal",
    "scipy.sparse.csgraph", "scipy.special", "simpleeval", "yaml",
)  # fmt: skip


def import_core() -> None:
    """Import what a gate without a model can need."""
    import pytest_detgate
    from pytest_detgate.report import rendering
    from pytest_detgate.rules.registry import rule_classes

    for module in pkgutil.walk_packages(pytest_detgate.__path__, "pytest_detgate."):
        if not module.name.startswith(_ELSEWHERE):
            importlib.import_module(module.name)
    rule_classes()
    for name in _LATE:
        importlib.import_module(name)
    # Where Python writes no bytecode, each page would compile its templates.
    templates = vars(rendering)["_environment"]()
    for name in templates.list_templates(extensions=["j2"]):
        templates.get_template(name)
    from PIL import Image

    Image.init()


class _Preload:
    """Imports modules where plugins are loaded, so that pytest treats them as it does a plugin's:
    one that was imported elsewhere is warned of."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules

    def pytest_configure(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_core()
            for name in self._modules:
                importlib.import_module(name)


@unseen
def main(modules: list[str]) -> None:
    """Serve until standard input ends; the modules are imported before."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # A project may have tests of its own.
    del sys.path[0]
    for name in ("tests", "tests.disk", "tests.forker", "tests.fork_server"):
        del sys.modules[name]
    search_path = list(sys.path)
    _read_metadata_once()
    gate_once(modules)
    # Only now: it imports a part of the gate.
    do_not_wait()
    # A child has none of its parent's threads, and waits for them forever.
    tasks = Path("/proc/self/task")
    assert not tasks.exists() or len(list(tasks.iterdir())) == 1
    gc.collect()
    gc.freeze()
    print(json.dumps("ready"), file=answers, flush=True)
    # Not a loop over the file, which a child would inherit with what is read ahead.
    while request := sys.stdin.readline():
        wanted = json.loads(request)
        child = os.fork()
        if child == 0 and "socket" in wanted:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(wanted["socket"])
            serve(connection, search_path)
        if child == 0:
            _be_child(search_path=search_path, with_models=bool(modules), **wanted)
        if "socket" in wanted:
            continue
        _, status = os.waitpid(child, 0)
        answer = {"code": os.waitstatus_to_exitcode(status)}
        print(json.dumps(answer), file=answers, flush=True)


def _read_metadata_once() -> None:
    """Keep what installed packages say of themselves: pytest looks for plugins in all of them,
    twice a run."""
    read_text = PathDistribution.read_text

    @functools.cache
    def remembered(folder: Path, name: str) -> str | None:
        return read_text(PathDistribution(folder), name)

    def read(package: PathDistribution, name: str) -> str | None:
        return remembered(vars(package)["_path"], name)

    pytest.MonkeyPatch().setattr(PathDistribution, "read_text", read)


def gate_once(modules: Sequence[str] = (), options: Sequence[str] = ()) -> None:
    """Gate a small project in this process: what a gate imports and compiles is there then."""
    nothing, remaining = os.open(os.devnull, os.O_RDWR), (os.dup(1), os.dup(2))
    for number in (1, 2):
        os.dup2(nothing, number)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _gate(modules, options)
        os.chdir("/")
    sys.stdout.flush()
    for number, descriptor in enumerate(remaining, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.close(nothing)


def _gate(modules: Sequence[str], options: Sequence[str]) -> None:
    listed = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "c"}],
    }
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25}
    truth = {**listed, "annotations": [{**box, "iscrowd": 0}]}
    detections = {**listed, "annotations": [{**box, "score": 0.9}]}
    for name, text in {
        "pytest.ini": "[pytest]",
        "val.json": json.dumps(truth),
        "calm.json": json.dumps(listed),
        "found.json": json.dumps(detections),
        "detgate.toml": _PROJECT,
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    disabled = [f"-pno:{name}" for name in _NOT_OURS]
    arguments = ["detgate.toml", "--detgate-predictions=calm=found.json"]
    pytest.main([*disabled, *options, *arguments], plugins=[_Preload(modules)])


@unseen
def _be_child(
    *,
    folder: str,
    arguments: list[str],
    environment: dict[str, str],
    output: list[str],
    search_path: list[str],
    with_models: bool,
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
    with_workers = any(argument.startswith("-n") for argument in arguments)
    if with_workers or with_models:
        forker = fork_forker(search_path)
        if with_workers:
            _fork_workers(forker)
        if with_models:
            fork_processes(forker)
    end(int(pytest.main(arguments)))


def _fork_workers(forker: Forker) -> None:
    """Let pytest-xdist have its workers forked; without it nothing changes."""
    try:
        from execnet import gateway_base, gateway_io
    except ImportError:
        return

    class ForkedIO(gateway_io.Popen2IOMaster):
        def __init__(self, arguments: list[str], execmodel: gateway_base.ExecModel) -> None:
            pipe = subprocess.PIPE
            self.popen = forker.popen(arguments, stdin=pipe, stdout=pipe)
            streams = self.popen.stdin, self.popen.stdout
            gateway_base.Popen2IO.__init__(self, *streams, execmodel=execmodel)

    vars(gateway_io)[gateway_io.Popen2IOMaster.__name__] = ForkedIO


def fork_processes(forker: Forker) -> None:
    """Let the gate have the processes forked that run or train a model."""
    from pytest_detgate.detector import subprocesses

    vars(subprocesses)["subprocess"] = SimpleNamespace(
        **{**vars(subprocess), "Popen": forker.popen}
    )
