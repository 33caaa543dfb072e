"""SHA-256 of files, from the cache unless the file has changed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pytest_detgate.cache.cache import Cache, chunked
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.regular_file import sha256_of_file

# A file that changes again within the resolution of its time stamp would look unchanged, so the
# digest of a file that was just written is not cached. FAT has a resolution of two seconds.
_SETTLED_NS = 2_000_000_000
_AT_ONCE = 2000
_SHA256 = re.compile("[0-9a-f]{64}")


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
    paths: Iterable[Path], cache: Cache, progress: Progress | None = None
) -> dict[Path, str | UnreadableImage]:
    """Return the SHA-256 of each file, or the reason why it cannot be read."""
    unique = list(dict.fromkeys(paths))
    digests: dict[Path, str | UnreadableImage] = {}
    with (
        (progress or NoProgress()).task("reading files", len(unique), "files") as advance,
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
    ):
        for chunk in chunked(unique, _AT_ONCE):
            _digest_chunk(chunk, cache, pool, digests)
            advance(len(chunk))
    return digests


def _digest_chunk(
    paths: Sequence[Path],
    cache: Cache,
    pool: ThreadPoolExecutor,
    digests: dict[Path, str | UnreadableImage],
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
            sha256 = sha256_of_file(path)
            settled = signature(path) == before and now - before.changed_ns > _SETTLED_NS
            return path, before if settled else None, sha256
        except OSError as error:
            return path, None, UnreadableImage(error.strerror or str(error))
        except ValueError as error:  # a name that no file can have
            return path, None, UnreadableImage(str(error))

    new = []
    for path, seen, result in pool.map(digest, paths):
        digests[path] = result
        if seen is not None and isinstance(result, str):
            new.append((absolute[path], str(seen), result))
    cache.add_file_digests(new)
