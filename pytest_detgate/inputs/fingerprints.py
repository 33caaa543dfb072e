"""Digests that tell whether two runs looked at the same images and judged the same detections."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable


def names_sha256(dataset: Dataset) -> str:
    """A digest of the file names of a split or probe, in any order."""
    names = sorted(dataset.images.file_name.tolist())
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def name_order(dataset: Dataset) -> NDArray[np.int64]:
    """(images,) the rows of a split or probe in the order of the file names, which is the same in
    every run on the same files. Equal names keep the order of the file."""
    names = dataset.images.file_name.tolist()
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


def images_sha256(dataset: Dataset, digests: NDArray[np.bytes_]) -> str:
    """A digest of file names and contents, in any order; `digests` (images,) S32 are the
    SHA-256 of each image's bytes."""
    content = np.ascontiguousarray(digests).view(np.uint8).reshape(len(digests), 32)
    names = dataset.images.file_name.tolist()
    lines = sorted(
        name.encode("utf-8", "surrogateescape") + row.tobytes()
        for name, row in zip(names, content, strict=True)
    )
    return hashlib.sha256(b"\0".join(lines)).hexdigest()


def detections_sha256(detections: DetectionTable) -> str | None:
    """A digest of detections by image row, class name, box and score, in any order and layout
    a file has them; None without any, which many models have in common."""
    if not len(detections):
        return None
    used = sorted({detections.classes[index] for index in np.unique(detections.category)})
    rank = np.array([used.index(name) if name in used else -1 for name in detections.classes])
    numbers = np.column_stack(
        [detections.image, rank[detections.category], detections.xywh, detections.score]
    )
    numbers = numbers[np.lexsort(numbers.T)] + 0.0  # which makes a negative zero a plain one
    digest = hashlib.sha256("\0".join(used).encode("utf-8", "surrogateescape"))
    digest.update(numbers.astype("<f8").tobytes())
    return digest.hexdigest()
