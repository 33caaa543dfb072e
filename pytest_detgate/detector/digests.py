"""SHA-256 of files; files that have not changed since are not read again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_detgate.detector.protocol import UnreadableImage
from pytest_detgate.detector.store import Store, chunked
from pytest_detgate.progress import NoProgress, Progress

Signature = tuple[int, int, int]

# A file changed again within the resolution of its time stamp would look unchanged, so the
# digest of a file that was written just now is not kept. Two seconds is FAT's resolution.
_SETTLED_NS = 2_000_000_000
_AT_ONCE = 2000
_BLOCK = 1 << 20


def signature(path: Path) -> Signature:
    """What tells that a file has not changed: its size, time of change and inode."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def file_digest(path: Path, store: Store) -> str:
    """Return the SHA-256 of one file; raises OSError where it cannot be read."""
    answer = file_digests([path], store)[path]
    if isinstance(answer, UnreadableImage):
        raise OSError(f"{path}: {answer.reason}")
    return answer


def keep_digest(path: Path, seen: Signature, read_at_ns: int, sha256: str, store: Store) -> None:
    """Keep a digest that was made otherwise, of a file read at that time with that signature."""
    if read_at_ns - seen[1] > _SETTLED_NS:
        store.keep_file_digests([(os.path.abspath(path), seen, sha256)])  # noqa: PTH100


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
    with path.open("rb", buffering=0) as file:
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
            seen, sha256 = known.get(absolute[path], (None, ""))
            if seen == before:
                return path, None, sha256
            sha256 = sha256_of(path)
            settled = signature(path) == before and now - before[1] > _SETTLED_NS
            return path, before if settled else None, sha256
        except OSError as error:
            return path, None, UnreadableImage(error.strerror or str(error))

    fresh = []
    for path, seen, answer in pool.map(digest, paths):
        answers[path] = answer
        if seen is not None and isinstance(answer, str):
            fresh.append((absolute[path], seen, answer))
    store.keep_file_digests(fresh)
