"""Opening of files that a project names.

A path comes from a configuration, an annotation file or a folder, and may lead to anything: a pipe
that nobody writes to waits for ever, a device has no end. Only regular files are opened, after
links were followed, and only here (`tests/unit/test_regular_files.py` looks for other ways).
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

_ATTEMPTS = 3
_BLOCK_BYTES = 1 << 20
# Bytes of a name in use on any system, and letters of a path that leave room for its folder.
_LONGEST_NAME, _LONGEST_PATH = 255, 3000
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularError(OSError):
    """A path leads to something that is no regular file; `strerror` says to what."""


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path behind all links; a link that leads to itself stays.

    `Path.resolve` raises `RuntimeError` for such a link before Python 3.13.
    """
    return Path(os.path.realpath(path))


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to a regular file; `Path.is_file` raises for a name that is
    longer than that of any file."""
    return os.path.isfile(path)  # noqa: PTH113


def can_be_path(text: str) -> bool:
    """Return whether a text can be a path; a name in it is no longer than file systems allow."""
    names = text.replace("\\", "/").split("/")
    longest = max(len(os.fsencode(name)) for name in names)
    return "\0" not in text and longest <= _LONGEST_NAME and len(text) <= _LONGEST_PATH


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading bytes.

    Raises `OSError` as `open` does, `NotRegularError` for anything but a regular file, and
    `ValueError` for a name that no file can have.
    """
    return os.fdopen(_descriptor(path), "rb")


class FileState(NamedTuple):
    """Which file it is, and what changes when it is written to."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def state_of(file: io.BufferedReader) -> FileState:
    """Return the state of an open file now."""
    status = os.fstat(file.fileno())
    return FileState(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file; errors as `open_regular`."""
    # Without a file object of Python's own: of small files it takes most of the time.
    descriptor, status = _opened(path)
    try:
        return _read_all(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def read_beginning(path: str | os.PathLike[str], size: int) -> bytes:
    """Return the first bytes of a regular file, at most `size`; errors as `open_regular`."""
    descriptor = _descriptor(path)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a regular file in hexadecimal, a large one read in blocks; errors as
    `open_regular`."""
    descriptor, status = _opened(path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if status.st_size <= _BLOCK_BYTES:
            return hashlib.sha256(_read_all(descriptor, status.st_size)).hexdigest()
        if sys.version_info >= (3, 11):
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()


def read_unchanged(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file that nobody writes to meanwhile; errors as
    `open_regular`.

    Of a file that is overwritten while it is read the beginning would be old and the end new. It is
    read again then, and one that changes all the time raises `OSError`.
    """
    for _ in range(_ATTEMPTS):
        descriptor, before = _opened(path)
        try:
            content = _read_all(descriptor, before.st_size)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if _written(before) == _written(after) and len(content) == after.st_size:
            return content
    raise OSError(0, "it changes while it is read", str(Path(path)))


def read_listed(path: str) -> bytes | None:
    """Return the content of a file that a listing of its folder says is a regular one, without
    another look at it before it is opened; None where it is none any more, or somebody writes to it
    meanwhile: `read_unchanged` then reads it, or says why not. Errors of `os.open` are raised."""
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return None
        content = os.read(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    is_unchanged = _written(before) == _written(after) and len(content) == before.st_size
    return content if is_unchanged else None


def _descriptor(path: str | os.PathLike[str]) -> int:
    return _opened(path)[0]


def _opened(path: str | os.PathLike[str]) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file, and the state that it was opened in."""
    require_regular(path)
    descriptor = os.open(path, _FLAGS)
    try:
        # It may have been replaced since it was looked at.
        status = os.fstat(descriptor)
        _require_regular(status.st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def _read_all(descriptor: int, size: int) -> bytes:
    """The content of a file that has `size` bytes, or has become longer."""
    content = os.read(descriptor, size + 1)
    if len(content) == size:
        return content
    parts = [content]
    while part := os.read(descriptor, _BLOCK_BYTES):
        parts.append(part)
    return b"".join(parts)


def _written(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written to."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_regular_text(
    path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict"
) -> str:
    """Return the text of a regular file, with every line ending as `\\n`."""
    text = read_regular(path).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def require_regular(path: str | os.PathLike[str]) -> None:
    """Raise `OSError` unless a path leads to a regular file, for a library that opens it itself."""
    _require_regular(os.stat(path).st_mode, path)  # noqa: PTH116 (a plain text may be no path)


def _require_regular(mode: int, path: str | os.PathLike[str]) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")
    raise NotRegularError(0, f"not a regular file but {kind}", str(Path(path)))
