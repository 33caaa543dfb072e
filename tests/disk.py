"""Tests do not wait for the disk."""

from __future__ import annotations

import os


def do_not_wait() -> None:
    """What a power cut would leave is not looked at, and a gate waits for the disk twenty times."""
    # Here, as pytest warns of a plugin that was imported before it.
    from pytest_detgate.cache import sqlite_file

    os.fsync = lambda fd: None
    sqlite_file.SYNCHRONOUS = "OFF"
