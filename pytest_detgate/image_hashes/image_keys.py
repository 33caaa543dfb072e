"""Digest and perceptual hash of each image of a dataset, computed once for each content."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digests
from pytest_detgate.dataset.images.options import refused_links
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.errors import DataError
from pytest_detgate.image_hashes.difference_hash import HASH_KIND, difference_hash
from pytest_detgate.locks import lock_if_possible
from pytest_detgate.progress import Progress
from pytest_detgate.regular_file import read_regular

# Digested and then decoded: few enough to be still in the system's file cache. It is also what a
# killed process loses at most.
_AT_ONCE = 1000

Key = tuple[str, int]
"""SHA-256 of an image file, and its hash: 0 where none was requested."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageKeys:
    """One row per image, as in the image table: `digest` (n,) S32 is the SHA-256 of the file,
    `hash` (n,) uint64 the perceptual hash, None where only bytes are compared."""

    digest: NDArray[np.bytes_]
    hash: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.digest)


def compute_image_keys(
    dataset: Dataset, cache: Cache, progress: Progress, *, hashed: bool
) -> ImageKeys:
    """Digest every image and, with `hashed`, hash it, unless the cache has it.

    Images that cannot be read raise one `DataError` with their number and the first of them.
    """
    n = len(dataset.images)
    digest: NDArray[np.bytes_] = np.zeros(n, dtype="S32")
    hashes = np.zeros(n, dtype=np.uint64)
    unreadable: list[str] = []
    options = dataset.image_options
    refused = refused_links(dataset.images_dir, dataset.images.file_name.tolist(), options)
    limit = options.max_pixels if hashed else None
    label = f"{'hashing' if hashed else 'reading'} images of {dataset.name}"
    with (
        # One of the processes that share the cache hashes; the others then read its results.
        lock_if_possible(cache.path.with_name("pictures.lock")),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        progress.task(label, n, "images") as advance,
    ):
        for start in range(0, n, _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, n))
            paths = {row: dataset.image_path(row) for row in rows if row not in refused}
            keys = dict(zip(paths, _keys(list(paths.values()), cache, pool, limit), strict=True))
            for row in rows:
                key = keys[row] if row in keys else UnreadableImage(refused[row].reason)
                if isinstance(key, UnreadableImage):
                    unreadable.append(f"{dataset.images.file_name[row]}: {key.reason}")
                else:
                    digest[row] = bytes.fromhex(key[0])
                    hashes[row] = key[1]
            advance(len(rows))
    if unreadable:
        raise DataError(
            f"{len(unreadable)} of {n} images of {dataset.name} cannot be read, first "
            f"{unreadable[0]}"
        )
    return ImageKeys(digest, hashes if hashed else None)


def _keys(
    paths: Sequence[Path], cache: Cache, pool: ThreadPoolExecutor, max_pixels: int | None
) -> list[Key | UnreadableImage]:
    """Return the key of each image; without a pixel limit none is hashed."""
    digests = file_digests(paths, cache)
    if max_pixels is None:
        return [
            digest if isinstance(digest, UnreadableImage) else (digest, 0)
            for digest in map(digests.__getitem__, paths)
        ]
    known = dict(
        cache.image_hashes(
            HASH_KIND, {digest for digest in digests.values() if isinstance(digest, str)}
        )
    )
    missing: dict[str, Path] = {}
    for path, digest in digests.items():
        if isinstance(digest, str) and digest not in known:
            missing.setdefault(digest, path)
    computed = _hash_all(missing, pool, max_pixels)
    new = [key for key in computed.values() if not isinstance(key, UnreadableImage)]
    cache.add_image_hashes(HASH_KIND, new)

    def key(path: Path) -> Key | UnreadableImage:
        digest = digests[path]
        if isinstance(digest, UnreadableImage):
            return digest
        return (digest, known[digest]) if digest in known else computed[digest]

    return [key(path) for path in paths]


def _hash_all(
    files: Mapping[str, Path], pool: ThreadPoolExecutor, max_pixels: int
) -> dict[str, Key | UnreadableImage]:
    with warnings.catch_warnings():
        # Pillow warns of odd metadata; in a project that turns warnings into errors, the image
        # could not be read.
        warnings.simplefilter("ignore")
        keys = pool.map(lambda path: _hash_file(path, max_pixels), files.values())
        return dict(zip(files, keys, strict=True))


def _hash_file(path: Path, max_pixels: int) -> Key | UnreadableImage:
    try:
        content = read_regular(path)
        # Of the bytes that are decoded: the file may have changed since its digest was taken.
        return hashlib.sha256(content).hexdigest(), difference_hash(content, max_pixels)
    except UnidentifiedImageError:
        return UnreadableImage("not in an image format that Pillow reads")
    except Exception as error:  # each decoder has its own errors
        reason = error.strerror if isinstance(error, OSError) else None
        first_line = (str(error).strip().splitlines() or [""])[0]
        return UnreadableImage(reason or first_line or type(error).__name__)
