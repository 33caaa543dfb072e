"""Processes that a test started, through however many others."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

PATIENCE_S = 900
"""How long a test waits for what must come: for machines that do many other things. It only makes
a test that hangs end; nothing is slow or fast by it."""


def with_variable(name: str) -> list[int]:
    """The processes that were started with an environment variable, whoever started them."""
    if not Path("/proc/self/environ").is_file():
        pytest.skip("there is no /proc")
    matching = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{name}=".encode() in (process / "environ").read_bytes():
                matching.append(int(process.name))
    return matching


def assert_all_end(name: str) -> None:
    """Wait until no process has that variable."""
    until = time.monotonic() + PATIENCE_S
    while left := with_variable(name):
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.05)


def unmeasured() -> dict[str, str]:
    """The environment for a process in which every file that is opened counts: coverage is not
    measured in it, which would read and write some."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
