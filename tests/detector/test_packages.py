"""Importing what runs a model, beside other processes that do the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

LOAD_CONFIG = """
import sys
from pathlib import Path
from pytest_detgate.detector.mmdet.config_files import load_config
Path("started").touch()
print(load_config(Path("config.py")).config.answer)
"""


def test_process_waits_until_the_cache_of_yapf_is_written(tmp_path: Path) -> None:
    """The cache that another process is writing is empty at first; reading it was the end of the
    second of two trainings on a new machine: `EOFError: Ran out of input`."""
    (tmp_path / "config.py").write_text("answer = 42\n")
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", LOAD_CONFIG]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    cache = tmp_path / "cache" / "YAPF"
    written = {path: path.read_bytes() for path in cache.rglob("*.pickle")}
    (tmp_path / "started").unlink()

    with FileLock(cache / "pytest-detgate.lock"):
        for path in written:
            path.write_bytes(b"")
        second = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not (tmp_path / "started").exists() and second.poll() is None:
            time.sleep(0.01)
        time.sleep(1)  # in which one that did not wait would have read it
        for path, content in written.items():
            path.write_bytes(content)
    output, errors = second.communicate()

    assert written
    assert (output, second.returncode) == ("42\n", 0), errors
