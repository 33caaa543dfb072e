"""Digests of files."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from pytest_detgate.detector import digests
from pytest_detgate.detector.digests import file_digest, file_digests
from pytest_detgate.detector.protocol import UnreadableImage
from pytest_detgate.detector.store import Store


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were really read, in order."""
    names: list[str] = []
    really = digests.sha256_of

    def note(path: Path) -> str:
        names.append(path.name)
        return really(path)

    monkeypatch.setattr(digests, "sha256_of", note)
    return names


def write(path: Path, content: bytes, *, age: float = 100.0) -> Path:
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, read: list[str]) -> None:
    store = Store(tmp_path / "s.sqlite")
    paths = [write(tmp_path / name, name.encode()) for name in ("a", "b", "c")]
    expected = {path: hashlib.sha256(path.name.encode()).hexdigest() for path in paths}
    assert file_digests(paths, store) == expected
    assert sorted(read) == ["a", "b", "c"]
    read.clear()
    write(paths[1], b"changed", age=50)
    expected[paths[1]] = hashlib.sha256(b"changed").hexdigest()
    assert file_digests(paths, Store(store.path)) == expected
    assert read == ["b"]


def test_a_file_replaced_within_one_time_stamp(tmp_path: Path, read: list[str]) -> None:
    """Same size, same time, another file: the inode tells."""
    store = Store(tmp_path / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    before = path.stat()
    file_digest(path, store)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    other.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(path, store) == hashlib.sha256(b"two").hexdigest()


def test_a_file_written_just_now_is_read_again(tmp_path: Path, read: list[str]) -> None:
    store = Store(tmp_path / "s.sqlite")
    path = write(tmp_path / "a", b"one", age=0)
    before = path.stat()
    file_digest(path, store)
    path.write_bytes(b"two")  # same size, same inode
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(path, store) == hashlib.sha256(b"two").hexdigest()
    assert read == ["a", "a"]


def test_what_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    there, missing = write(tmp_path / "there", b"x"), tmp_path / "missing"
    answers = file_digests([missing, there, tmp_path], store)
    assert answers[missing] == UnreadableImage("No such file or directory")
    assert answers[tmp_path] == UnreadableImage("Is a directory")
    assert answers[there] == hashlib.sha256(b"x").hexdigest()
    with pytest.raises(OSError, match="missing: No such file"):
        file_digest(missing, store)


def test_without_a_store_files_are_simply_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    store = Store(tmp_path / "file" / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    assert file_digest(path, store) == hashlib.sha256(b"one").hexdigest()
