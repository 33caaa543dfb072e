"""Digest, perceptual hash and properties of each image of a dataset: decoded once for all of them,
and once for each content."""

from __future__ import annotations

import hashlib
import os
import struct
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from pytest_detgate.cache.cache import Cache, chunked
from pytest_detgate.cache.digests import Contents, file_digests
from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.options import refused_links
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.errors import DataError
from pytest_detgate.image_hashes.decoding import decode
from pytest_detgate.image_hashes.difference_hash import cells_to_hash, hashes_of
from pytest_detgate.image_hashes.properties import (
    Measured,
    Properties,
    measured,
    properties_of,
)
from pytest_detgate.locks import lock_if_possible
from pytest_detgate.progress import Progress
from pytest_detgate.regular_file import read_regular

LOOK_KIND: Final = "look-1"
"""Name and version of a look in the cache: a change of what is decoded or measured raises it."""

# Digested and then decoded: few enough to be still in the system's file cache. It is also what a
# killed process loses at most.
_AT_ONCE = 1000
BY_A_THREAD: Final = 16
"""Images that a thread takes at once, and measures together."""
_ROW = struct.Struct(f"<Q{len(Properties._fields)}f")


class File(NamedTuple):
    """An image file, and its content with the SHA-256 of that, unless it is still to be read."""

    path: Path
    digest: str = ""
    content: bytes | None = None


class Look(NamedTuple):
    """SHA-256 of an image file; hash and properties of what it shows, if it was decoded."""

    digest: str
    hash: int = 0
    properties: Properties | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ImageLooks:
    """One row per image, as in the image table of the dataset `name`.

    `digest` (n,) S32 is the SHA-256 of the file, `hash` (n,) uint64 the perceptual hash,
    `properties` (n, k) float64 the columns of `Properties`. `unreadable` are the rows of images
    that cannot be read, with the reason; their digest and hash are 0, their properties NaN.
    """

    name: str
    digest: NDArray[np.bytes_]
    hash: NDArray[np.uint64]
    properties: NDArray[np.float64]
    unreadable: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.digest)

    def column(self, name: str) -> NDArray[np.float64]:
        """(n,) one of the properties."""
        return self.properties[:, Properties._fields.index(name)]

    def require_all(self) -> None:
        """Raise one `DataError` with the number of unreadable images and the first of them."""
        for first in self.unreadable.values():
            raise DataError(
                f"{len(self.unreadable)} of {counted(len(self), 'image')} of {self.name} cannot "
                f"be read, first {first}"
            )


def compute_looks(
    dataset: Dataset, cache: Cache, progress: Progress, *, decoded: bool
) -> ImageLooks:
    """Digest every image and, with `decoded`, look at it, unless the cache has it."""
    n = len(dataset.images)
    looks = ImageLooks(
        name=dataset.name,
        digest=np.zeros(n, dtype="S32"),
        hash=np.zeros(n, dtype=np.uint64),
        properties=np.full((n, len(Properties._fields)), np.nan),
    )
    options = dataset.image_options
    refused = refused_links(dataset.images_dir, dataset.images.file_name.tolist(), options)
    limit = options.max_pixels if decoded else None
    label = f"{'looking at' if decoded else 'reading'} images of {dataset.name}"
    with (
        # One of the processes that share the cache decodes; the others then read its results.
        lock_if_possible(cache.path.with_name("pictures.lock")),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        progress.task(label, n, "images") as advance,
    ):
        for start in range(0, n, _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, n))
            paths = {row: dataset.image_path(row) for row in rows if row not in refused}
            look_of_row = dict(
                zip(paths, _looks(list(paths.values()), cache, pool, limit), strict=True)
            )
            for row in rows:
                look = (
                    look_of_row[row] if row in look_of_row else UnreadableImage(refused[row].reason)
                )
                if isinstance(look, UnreadableImage):
                    looks.unreadable[row] = f"{dataset.images.file_name[row]}: {look.reason}"
                    continue
                looks.digest[row] = bytes.fromhex(look.digest)
                if look.properties is not None:
                    looks.hash[row], looks.properties[row] = look.hash, look.properties
            advance(len(rows))
    return looks


def _looks(
    paths: Sequence[Path], cache: Cache, pool: ThreadPoolExecutor, max_pixels: int | None
) -> list[Look | UnreadableImage]:
    """Return the look of each image; without a pixel limit none is decoded."""
    contents = Contents() if max_pixels is not None else None
    digests = file_digests(paths, cache, contents=contents)
    known: dict[str, Look | UnreadableImage] = {}
    if max_pixels is None or contents is None:
        known = {digest: Look(digest) for digest in digests.values() if isinstance(digest, str)}
    else:
        known.update(
            _cached(cache, {digest for digest in digests.values() if isinstance(digest, str)})
        )
        missing: dict[str, File] = {}
        for path, digest in digests.items():
            if isinstance(digest, str) and digest not in known and digest not in missing:
                missing[digest] = File(path, digest, contents.take(path))
        computed = _look_at_all(missing, pool, max_pixels)
        new = [look for look in computed.values() if isinstance(look, Look)]
        cache.add_image_values(LOOK_KIND, [(look.digest, _packed(look)) for look in new])
        known.update(computed)

    def look(path: Path) -> Look | UnreadableImage:
        digest = digests[path]
        return digest if isinstance(digest, UnreadableImage) else known[digest]

    return [look(path) for path in paths]


def _cached(cache: Cache, digests: Iterable[str]) -> dict[str, Look]:
    looks = {}
    for digest, value in cache.image_values(LOOK_KIND, digests):
        if len(value) == _ROW.size:
            number, *properties = _ROW.unpack(value)
            looks[digest] = Look(digest, number, Properties(*properties))
    return looks


def _packed(look: Look) -> bytes:
    assert look.properties is not None
    return _ROW.pack(look.hash, *look.properties)


def _look_at_all(
    files: Mapping[str, File], pool: ThreadPoolExecutor, max_pixels: int
) -> dict[str, Look | UnreadableImage]:
    with warnings.catch_warnings():
        # Pillow warns of odd metadata; in a project that turns warnings into errors, the image
        # could not be read.
        warnings.simplefilter("ignore")
        parts = pool.map(
            lambda part: look_at(part, max_pixels), chunked(files.values(), BY_A_THREAD)
        )
        return dict(zip(files, chain.from_iterable(parts), strict=True))


def look_at(files: Sequence[File], max_pixels: int) -> list[Look | UnreadableImage]:
    """Decode images, one after the other, and then measure them together."""
    seen = [_seen(file, max_pixels) for file in files]
    able = [image for image in seen if isinstance(image, _Seen)]
    hashes = hashes_of([image.cells for image in able]).tolist()
    # As the cache has them, so that a second run measures the same.
    rows = properties_of([image.measured for image in able]).astype(np.float32).tolist()
    looks = (
        Look(image.digest, number, Properties(*row))
        for image, number, row in zip(able, hashes, rows, strict=True)
    )
    return [image if isinstance(image, UnreadableImage) else next(looks) for image in seen]


class _Seen(NamedTuple):
    """What is left of an image when it is decoded."""

    digest: str
    cells: NDArray[Any]
    measured: Measured


def _seen(file: File, max_pixels: int) -> _Seen | UnreadableImage:
    path, digest, content = file
    try:
        if content is None:
            content = read_regular(path)
            # Of the bytes that are decoded: the file may have changed since its digest was taken.
            digest = hashlib.sha256(content).hexdigest()
        image = decode(content, max_pixels)
        return _Seen(digest, cells_to_hash(image), measured(image))
    except UnidentifiedImageError:
        return UnreadableImage("not in an image format that Pillow reads")
    except Exception as error:  # each decoder has its own errors
        reason = error.strerror if isinstance(error, OSError) else None
        first_line = (str(error).strip().splitlines() or [""])[0]
        return UnreadableImage(reason or first_line or type(error).__name__)
