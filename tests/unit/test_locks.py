"""A lock that only saves work never stops any."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from pytest_detgate.locks import lock_if_possible


def test_lock_is_held_for_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.lock"
    with lock_if_possible(path), pytest.raises(Timeout):
        FileLock(path).acquire(timeout=0)
    with FileLock(path).acquire(timeout=0):
        pass


def test_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(KeyError), lock_if_possible(path):
        raise KeyError
    with FileLock(path).acquire(timeout=0):
        pass


def test_block_runs_when_patience_is_at_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    ran = False
    with FileLock(path):
        with lock_if_possible(path, patience_s=0.01):
            ran = True
        with pytest.raises(Timeout):  # nor was the other's lock given back
            FileLock(path).acquire(timeout=0)
    assert ran


def test_block_runs_where_there_is_no_place_for_a_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ran = False
    with lock_if_possible(tmp_path / "file" / "a.lock"):
        ran = True
    assert ran
