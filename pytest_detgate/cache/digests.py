"""SHA-256 of files, from the cache unless the file has changed."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pytest_detgate.cache.cache import Cache, chunked
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.regular_file import read_regular, sha256_of_file

# A file that changes again within the resolution of its time stamp would look unchanged, so the
# digest of a file that was just written is not cached. FAT has a resolution of two seconds.
_SETTLED_NS = 2_000_000_000
_AT_ONCE = 2000
_BY_A_THREAD = 16
_KEPT_BYTES = 64 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


class Contents:
    """Bytes of files that had to be read for their digest, for who needs them next: each is given
    out once. Together they are at most 64 MiB; other files have to be read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = _KEPT_BYTES
        self._contents: dict[Path, bytes] = {}

    def digest(self, path: Path, size: int) -> str:
        """Return the SHA-256 of a file of so many bytes, and keep its content if there is room."""
        with self._lock:
            fits = size <= self._room
            self._room -= size if fits else 0
        if not fits:
            return sha256_of_file(path)
        content = self._contents[path] = read_regular(path)
        return hashlib.sha256(content).hexdigest()

    def take(self, path: Path) -> bytes | None:
        """Return the bytes that a digest was made of, None where they are not here."""
        return self._contents.pop(path, None)


class Signature(NamedTuple):
    """Attributes that are equal as long as a file has not changed.

    `cp -p` and `rsync -t` set back the time stamp of the content; only the system sets that of the
    inode (`ctime`). If another file system is mounted over a folder, inodes of the two may be
    equal, so `device` is included.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature of a file with this status."""
        return cls(
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
        )

    @property
    def changed_ns(self) -> int:
        """Time of the last change."""
        return max(self.mtime_ns, self.ctime_ns)

    def __str__(self) -> str:
        return " ".join(map(str, self))  # an inode may be too large for a database's integer


def signature(path: Path) -> Signature:
    """Return the signature of a file as it is now."""
    return Signature.of(path.stat())


def file_digest(path: Path, cache: Cache) -> str:
    """Return the SHA-256 of one file; raises OSError if it cannot be read."""
    digest = file_digests([path], cache)[path]
    if isinstance(digest, UnreadableImage):
        raise OSError(f"{path}: {digest.reason}")
    return digest


def add_digest(path: Path, seen: Signature, read_at_ns: int, sha256: str, cache: Cache) -> None:
    """Cache a digest computed elsewhere, of a file read at this time with this signature."""
    if read_at_ns - seen.changed_ns > _SETTLED_NS:
        cache.add_file_digests([(os.path.abspath(path), str(seen), sha256)])  # noqa: PTH100


def file_digests(
    paths: Iterable[Path],
    cache: Cache,
    progress: Progress | None = None,
    contents: Contents | None = None,
) -> dict[Path, str | UnreadableImage]:
    """Return the SHA-256 of each file, or the reason why it cannot be read; what had to be read
    goes to `contents`."""
    unique = list(dict.fromkeys(paths))
    digests: dict[Path, str | UnreadableImage] = {}
    with (
        (progress or NoProgress()).task("reading files", len(unique), "files") as advance,
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
    ):
        for chunk in chunked(unique, _AT_ONCE):
            _digest_chunk(chunk, cache, pool, digests, contents)
            advance(len(chunk))
    return digests


def _digest_chunk(
    paths: Sequence[Path],
    cache: Cache,
    pool: ThreadPoolExecutor,
    digests: dict[Path, str | UnreadableImage],
    contents: Contents | None,
) -> None:
    absolute = {path: os.path.abspath(path) for path in paths}  # noqa: PTH100
    known = {path: (seen, sha256) for path, seen, sha256 in cache.file_digests(absolute.values())}

    def digest(path: Path) -> tuple[Path, Signature | None, str | UnreadableImage]:
        try:
            now = time.time_ns()
            before = signature(path)
            seen, sha256 = known.get(absolute[path], ("", ""))
            if seen == str(before) and _SHA256.fullmatch(sha256):
                return path, None, sha256
            if contents is None:
                sha256 = sha256_of_file(path)
            else:
                sha256 = contents.digest(path, before.size)
            settled = signature(path) == before and now - before.changed_ns > _SETTLED_NS
            return path, before if settled else None, sha256
        except OSError as error:
            return path, None, UnreadableImage(error.strerror or str(error))
        except ValueError as error:  # a name that no file can have
            return path, None, UnreadableImage(str(error))

    new = []
    # One at a time would take a thread longer to get than to read.
    parts = pool.map(lambda part: [*map(digest, part)], chunked(paths, _BY_A_THREAD))
    for path, seen, result in chain.from_iterable(parts):
        digests[path] = result
        if seen is not None and isinstance(result, str):
            new.append((absolute[path], str(seen), result))
    cache.add_file_digests(new)
