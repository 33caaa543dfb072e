"""SHA-256 of files; files that have not changed since are not read again."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pytest_detgate.cache.store import Store, chunked
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.regular_file import open_regular

# A file changed again within the resolution of its time stamp would look unchanged, so the
# digest of a file that was written just now is not kept. Two seconds is FAT's resolution.
_SETTLED_NS = 2_000_000_000
_AT_ONCE = 2000
_BLOCK = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


class Signature(NamedTuple):
    """What tells that a file has not changed. Its content's time stamp can be set back by whoever
    writes it (`cp -p`, `rsync -t`); that of its inode (`ctime`) only the system sets. Where another
    file system is mounted over a folder, inodes of the two may be equal."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """The signature of a file with this status."""
        return cls(
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
        )

    @property
    def changed_ns(self) -> int:
        """When the file was last changed."""
        return max(self.mtime_ns, self.ctime_ns)

    def __str__(self) -> str:
        return " ".join(map(str, self))  # an inode may be too large for a database's integer


def signature(path: Path) -> Signature:
    """The signature of a file as it is now."""
    return Signature.of(path.stat())


def file_digest(path: Path, store: Store) -> str:
    """Return the SHA-256 of one file; raises OSError where it cannot be read."""
    answer = file_digests([path], store)[path]
    if isinstance(answer, UnreadableImage):
        raise OSError(f"{path}: {answer.reason}")
    return answer


def keep_digest(path: Path, seen: Signature, read_at_ns: int, sha256: str, store: Store) -> None:
    """Keep a digest that was made otherwise, of a file read at that time with that signature."""
    if read_at_ns - seen.changed_ns > _SETTLED_NS:
        store.keep_file_digests([(os.path.abspath(path), str(seen), sha256)])  # noqa: PTH100


def file_digests(
    paths: Iterable[Path], store: Store, progress: Progress | None = None
) -> dict[Path, str | UnreadableImage]:
    """Return the SHA-256 of each file, or why it cannot be read."""
    unique = list(dict.fromkeys(paths))
    answers: dict[Path, str | UnreadableImage] = {}
    with (
        (progress or NoProgress()).task("reading files", len(unique), "files") as advance,
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
    ):
        for chunk in chunked(unique, _AT_ONCE):
            _digest_chunk(chunk, store, pool, answers)
            advance(len(chunk))
    return answers


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as it is now; a large one is read in pieces."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest_chunk(
    paths: Sequence[Path],
    store: Store,
    pool: ThreadPoolExecutor,
    answers: dict[Path, str | UnreadableImage],
) -> None:
    absolute = {path: os.path.abspath(path) for path in paths}  # noqa: PTH100
    known = {path: (seen, sha256) for path, seen, sha256 in store.file_digests(absolute.values())}

    def digest(path: Path) -> tuple[Path, Signature | None, str | UnreadableImage]:
        try:
            now = time.time_ns()
            before = signature(path)
            seen, sha256 = known.get(absolute[path], ("", ""))
            if seen == str(before) and _SHA256.fullmatch(sha256):
                return path, None, sha256
            sha256 = sha256_of(path)
            settled = signature(path) == before and now - before.changed_ns > _SETTLED_NS
            return path, before if settled else None, sha256
        except OSError as error:
            return path, None, UnreadableImage(error.strerror or str(error))
        except ValueError as error:  # a name that no file can have
            return path, None, UnreadableImage(str(error))

    fresh = []
    for path, seen, answer in pool.map(digest, paths):
        answers[path] = answer
        if seen is not None and isinstance(answer, str):
            fresh.append((absolute[path], str(seen), answer))
    store.keep_file_digests(fresh)
