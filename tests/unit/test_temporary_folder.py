"""Temporary folders go with their process, also where it is killed."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import BaseFileLock

from pytest_detgate.temporary import folder as temporary
from pytest_detgate.temporary.folder import (
    TemporaryFolder,
    remove_abandoned_folders,
    temporary_folder,
)
from tests.processes import PATIENCE_S

NO_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="no such signals and links there")

SLEEPS = """
import sys, time
from pytest_detgate.temporary.folder import TemporaryFolder
folder = TemporaryFolder("test")
(folder.path / "content").touch()
print(folder.path, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def temporary_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary folders."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(tmp_path))
    return tmp_path


def test_a_folder_is_there_until_it_is_removed(temporary_root: Path) -> None:
    folder = TemporaryFolder("test")
    (folder.path / "content").touch()

    assert folder.path.parent == temporary_root.resolve()
    assert folder.path.name.startswith("detgate-test-")
    assert sys.platform == "win32" or folder.path.stat().st_mode & 0o777 == 0o700

    folder.remove()
    folder.remove()
    assert list(temporary_root.iterdir()) == []


def test_a_block_has_a_folder(temporary_root: Path) -> None:
    with temporary_folder("test") as folder:
        assert folder.is_dir()
        remove_abandoned_folders()
        assert folder.is_dir()

    assert list(temporary_root.iterdir()) == []


def test_a_folder_whose_object_is_gone_is_in_use(temporary_root: Path) -> None:
    """Many keep the path alone."""
    path = TemporaryFolder("test").path
    gc.collect()

    remove_abandoned_folders()

    assert path.is_dir()
    temporary._locks.pop(path).release()


def test_a_folder_that_was_taken_for_abandoned_is_replaced(
    temporary_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process looks between the making of a lock and its locking: it has the lock, or it
    has removed both."""
    locks: list[BaseFileLock] = []

    def lock_of_another(path: Path) -> BaseFileLock | None:
        lock = lock_now(path)
        assert lock is not None
        locks.append(lock)
        if len(locks) == 1:
            return None
        if len(locks) == 2:
            path.unlink()
        return lock

    lock_now = temporary._lock_now
    monkeypatch.setattr(temporary, "_lock_now", lock_of_another)

    with temporary_folder("test") as folder:
        assert [path.name for path in temporary_root.iterdir()] == [folder.name]
        assert len(locks) == 3
        assert locks[-1].lock_file == str(folder / "in-use.lock")


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_the_folder_of_a_killed_process_is_removed(temporary_root: Path, way: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        remove_abandoned_folders()
        assert (folder / "content").exists()

        getattr(process, way)()
        process.wait(PATIENCE_S)
    assert (folder / "content").exists()

    remove_abandoned_folders()
    assert list(temporary_root.iterdir()) == []


@NO_WINDOWS
def test_what_is_not_ours_stays(temporary_root: Path) -> None:
    """Folders without a lock, and what links lead to."""
    (temporary_root / "detgate-old").mkdir()
    (temporary_root / "precious").mkdir()
    (temporary_root / "precious" / "in-use.lock").touch()
    (temporary_root / "detgate-link").symlink_to(temporary_root / "precious")
    (temporary_root / "detgate-lock").mkdir()
    (temporary_root / "detgate-lock" / "in-use.lock").symlink_to(
        temporary_root / "precious" / "in-use.lock"
    )

    remove_abandoned_folders()

    assert (temporary_root / "precious" / "in-use.lock").exists()
    assert len(list(temporary_root.iterdir())) == 4


@NO_WINDOWS
def test_a_killed_gate_leaves_nothing_to_the_next(temporary_root: Path) -> None:
    """The run folder of a gate, and those of its workers."""
    (temporary_root / "probe").mkdir()
    from PIL import Image

    for number in range(2):
        Image.new("RGB", (9 + number, 9)).save(temporary_root / "probe" / f"{number}.png")
    project = temporary_root / "project"
    project.mkdir()
    (project / "waits.py").write_text(WAITS, encoding="utf-8")
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project / "detgate.toml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "detgate.toml", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + PATIENCE_S
        while not (project / "asked").exists():
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    left = sorted(path.name.rsplit("-", 1)[0] for path in temporary_root.glob("detgate-*"))
    assert left == ["detgate-run", "detgate-workers"]

    (project / "go").touch()  # what a worker is busy with ends, and so does the worker
    subprocess.run(command, cwd=project, stdout=subprocess.DEVNULL, check=False)

    assert list(temporary_root.glob("detgate-*")) == []


CONFIG = """
[model]
entry = "waits:Detector"
[run]
workers = 2
[probes.calm]
images = "../probe"
[rules.probe-fp]
max-boxes = 0
"""
WAITS = """
import time
from pathlib import Path

class Detector:
    classes = ("a",)
    def __init__(self, checkpoint, device): pass
    def detect(self, images):
        for image in images:
            (Path(__file__).parent / "asked").touch()
            while not (Path(__file__).parent / "go").exists():
                time.sleep(0.05)
            yield [], [], []
"""
