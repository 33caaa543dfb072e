"""Fixtures of the detector's tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector import subprocesses
from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.fork_server import fork_processes
from tests.forked import MMDETECTION, forker
from tests.processes import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Worksite:
    """A detector with its configuration, and pictures for it."""

    root: Path
    images: list[Path]
    config: Path
    checkpoint: Path


@pytest.fixture(scope="session")
def mmdet() -> Iterator[None]:
    """Skips where MMDetection is not installed; runs it on one thread.

    A model this small gains nothing from two, and loses a hundredfold where another process
    holds the second core.
    """
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def site(mmdet: None, tmp_path_factory: pytest.TempPathFactory) -> Worksite:
    """A detector with random weights and twelve pictures; not to be changed."""
    root = tmp_path_factory.mktemp("site")
    images = worksite.draw_site(root, 12)
    config = worksite.write_config(root)
    return Worksite(root, images, config, worksite.write_checkpoint(config, root / "epoch_7.pth"))


@pytest.fixture
def checkpoint_with(site: Worksite, tmp_path: Path) -> Callable[..., Path]:
    """A function that saves the detector's checkpoint after a change to it."""

    def save(change: Callable[[dict[str, Any]], Any], name: str = "changed.pth") -> Path:
        import torch

        content = torch.load(site.checkpoint, weights_only=False)
        change(content)
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def start_python(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts Python on a script, in a process that has imported `preload` if any
    are given; what still runs at the end is killed."""
    started = []

    def start(
        script: str, *arguments: object, preload: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        forked = preload and hasattr(os, "fork")
        process = (forker(preload).popen if forked else subprocess.Popen)(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_python(start_python: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """A function that runs a Python script and gives back what it printed."""

    def run(script: str, *arguments: object, preload: tuple[str, ...] = ()) -> str:
        process = start_python(script, *arguments, preload=preload)
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
        return output

    return run


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Processes that run or train a model have imported MMDetection when they start."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(os, "fork"):
            patch.setitem(vars(subprocesses), "subprocess", subprocess)
            fork_processes(forker(MMDETECTION))
        yield


@pytest.fixture(scope="module")
def forked_processes(mmdet: None) -> Iterator[None]:
    """All such processes of a module of tests are forked."""
    with forking():
        yield


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests' clock is ahead, so that files were not written just now."""
    really = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: really() + 60_000_000_000)
