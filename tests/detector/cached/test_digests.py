"""Digests of files."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from pytest_detgate.cache import digests
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import Contents, file_digest, file_digests
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.regular_file import sha256_of_file


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were really read, in order."""
    names: list[str] = []
    really = sha256_of_file

    def note(path: Path) -> str:
        names.append(path.name)
        return really(path)

    monkeypatch.setattr(digests, "sha256_of_file", note)
    return names


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def write_unnoticed(path: Path, content: bytes) -> None:
    """Change a file's content, but neither its size nor the time it tells."""
    before = path.stat()
    time.sleep(0.02)  # longer than the system's clock takes to tick
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ino,
    )


@pytest.mark.usefixtures("later")
def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, read: list[str]) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    paths = [write(tmp_path / name, name.encode()) for name in ("a", "b", "c")]
    expected = {path: hashlib.sha256(path.name.encode()).hexdigest() for path in paths}
    assert file_digests(paths, cache) == expected
    assert sorted(read) == ["a", "b", "c"]
    read.clear()
    write(paths[1], b"changed")
    expected[paths[1]] = hashlib.sha256(b"changed").hexdigest()
    assert file_digests(paths, Cache(cache.path)) == expected
    assert read == ["b"]


@pytest.mark.usefixtures("later")
def test_a_change_that_neither_size_nor_time_tells(tmp_path: Path, read: list[str]) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    assert file_digest(path, cache) == hashlib.sha256(b"one").hexdigest()
    write_unnoticed(path, b"two")
    assert file_digest(path, cache) == hashlib.sha256(b"two").hexdigest()
    assert file_digest(path, cache) == hashlib.sha256(b"two").hexdigest()
    assert read == ["a", "a"]


@pytest.mark.usefixtures("later")
def test_a_file_replaced_within_one_time_stamp(tmp_path: Path, read: list[str]) -> None:
    """Same size, same time, another file: the inode tells."""
    cache = Cache(tmp_path / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    before = path.stat()
    file_digest(path, cache)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    other.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(path, cache) == hashlib.sha256(b"two").hexdigest()


def test_a_file_written_just_now_is_read_again(tmp_path: Path, read: list[str]) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    file_digest(path, cache)
    path.write_bytes(b"two")  # perhaps within the same tick of the clock
    assert file_digest(path, cache) == hashlib.sha256(b"two").hexdigest()
    assert read == ["a", "a"]


def test_what_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    there, missing = write(tmp_path / "there", b"x"), tmp_path / "missing"
    answers = file_digests([missing, there, tmp_path], cache)
    assert answers[missing] == UnreadableImage("No such file or directory")
    assert answers[tmp_path] == UnreadableImage("not a regular file but a folder")
    assert answers[there] == hashlib.sha256(b"x").hexdigest()
    impossible = tmp_path / "a\0b"
    assert file_digests([impossible], cache)[impossible] == UnreadableImage("embedded null byte")
    with pytest.raises(OSError, match="missing: No such file"):
        file_digest(missing, cache)


def test_without_a_cache_files_are_simply_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    cache = Cache(tmp_path / "file" / "s.sqlite")
    path = write(tmp_path / "a", b"one")
    assert file_digest(path, cache) == hashlib.sha256(b"one").hexdigest()


@pytest.mark.usefixtures("later")
def test_what_was_read_for_its_digest_is_given_out_once(tmp_path: Path, read: list[str]) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    paths = [write(tmp_path / name, name.encode()) for name in ("a", "b", "c")]
    file_digest(paths[0], cache)
    read.clear()
    contents = Contents()

    answers = file_digests([*paths, tmp_path / "missing"], cache, contents=contents)

    assert [answers[path] for path in paths] == [
        hashlib.sha256(path.name.encode()).hexdigest() for path in paths
    ]
    assert [contents.take(path) for path in paths] == [None, b"b", b"c"]  # a was known
    assert contents.take(paths[1]) is None
    assert contents.take(tmp_path / "missing") is None
    assert read == []


def test_more_than_there_is_room_for_is_read_again(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_KEPT_BYTES", 5)
    files = {"a": b"one", "b": b"three", "c": b"22"}
    paths = [write(tmp_path / name, content) for name, content in files.items()]
    contents = Contents()

    answers = file_digests(paths, Cache(tmp_path / "s.sqlite"), contents=contents)

    assert [*answers.values()] == [
        hashlib.sha256(content).hexdigest() for content in files.values()
    ]
    assert [contents.take(path) for path in paths] == [b"one", None, b"22"]
    assert read == ["b"]
