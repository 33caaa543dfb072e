"""Tests do not wait for the disk."""

from __future__ import annotations

import os

from pytest_detgate.cache import sqlite_file


def do_not_wait() -> None:
    """What a power cut would leave is not looked at, and a gate waits for the disk twenty times."""
    os.fsync = lambda fd: None
    sqlite_file.SYNCHRONOUS = "OFF"
