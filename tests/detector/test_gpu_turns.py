"""Gates that want one GPU at the same time: one uses it, the others say that they wait."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from pytest_detgate.detector import devices
from pytest_detgate.training.train_process import TrainingMessage, _receive

WAITS = "another gate is using the GPU"


class Shown:
    """Notes the tasks that are shown, and their ends; `at_first` is called when one is."""

    def __init__(self, at_first: Callable[[], object] = lambda: None) -> None:
        self.noted: list[str] = []
        self._at_first = at_first

    @contextlib.contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        self.noted.append(label)
        self._at_first()
        yield lambda finished: None
        self.noted.append(f"end of {label}")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLock:
    """The lock of the GPU cuda:0, as another process has it."""
    monkeypatch.setattr(devices, "_identity", lambda device: "GPU-1.lock")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with devices.exclusive("cuda:0"):
        (path,) = tmp_path.iterdir()
    return FileLock(path)


def test_a_free_gpu_is_used_at_once(lock: FileLock) -> None:
    shown = Shown()
    with devices.exclusive("cuda:0", shown):
        assert shown.noted == []


def test_waiting_for_a_gpu_is_shown(lock: FileLock) -> None:
    lock.acquire(timeout=0)
    shown = Shown(at_first=lock.release)
    with devices.exclusive("cuda:0", shown):
        assert shown.noted == [WAITS, f"end of {WAITS}"]


@pytest.mark.parametrize("waits", [True, False])
def test_a_process_that_trains_tells_that_it_waits(waits: bool) -> None:
    messages = [TrainingMessage(is_waiting=True)] * waits
    messages += [TrainingMessage(iteration=1, total=2), TrainingMessage(iteration=2, total=2)]
    text = "".join(msgspec.json.encode(message).decode() + "\n" for message in messages)
    command = [sys.executable, "-c", f"print({text!r}, end='')"]
    shown = Shown()

    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert _receive(process, shown) == (None, None)

    waited = [WAITS, f"end of {WAITS}"] if waits else []
    assert shown.noted == [*waited, "training", "end of training"]
