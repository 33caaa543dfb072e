"""Reading and preparation of images in worker processes ahead of the model."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import register_backend
from mmengine.fileio.backends import BaseStorageBackend
from torch.utils.data import DataLoader

from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detector.image_bytes import read_image, reason_of
from pytest_detgate.detector.mmdet.stored_wall import Guard
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular

_BACKEND = "detgate"
_ATTEMPTS = 3
_WAITING_BYTES = 1 << 30
_FREE = Guard()


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready for the model; `problem` says why it is not.

    `broken` says that the test pipeline is at fault, not the image. `sha256` is that of the bytes
    that were decoded.
    """

    image: Path
    sha256: str = ""
    inputs: torch.Tensor | None = None
    data_sample: Any = None
    problem: str | None = None
    broken: bool = False

    def pin_memory(self) -> Prepared:
        """Return the image in memory that a GPU can read; torch's DataLoader calls this."""
        return self if self.inputs is None else replace(self, inputs=self.inputs.pin_memory())


class _ReadBytes(BaseStorageBackend):  # type: ignore[misc]
    """Gives MMEngine the bytes that were read and hashed, so that it decodes the same."""

    current: bytes = b""

    def get(self, filepath: str) -> bytes:
        return type(self).current

    def get_text(self, filepath: str, encoding: str = "utf-8") -> str:
        return type(self).current.decode(encoding)


class _TestImages:
    def __init__(
        self,
        images: Sequence[Path],
        transforms: Sequence[Any],
        options: ImageOptions,
        guard: Guard,
    ) -> None:
        self._images = images
        self._options = options
        self._guard = guard
        self._load = transforms[0]
        self._transforms = transforms[1:]
        # A subclass may read the file in another way.
        transform = getattr(type(self._load), "transform", None)
        self._uses_read_bytes = transform is LoadImageFromFile.transform
        if self._uses_read_bytes:
            self._load.backend_args = {"backend": _BACKEND}
            self._load.file_client_args = None

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Prepared:
        image = self._images[index]
        try:
            sha256, results = self._read(image, index)
        except Exception as error:  # each decoder has its own errors
            return Prepared(image, problem=reason_of(error))
        try:
            with self._guard.running():
                for transform in self._transforms:
                    results = transform(results)
            return Prepared(image, sha256, results["inputs"], results["data_samples"])
        except Exception as error:  # transforms of the project may raise anything
            return Prepared(image, problem=reason_of(error), broken=True)

    def _read(self, image: Path, index: int) -> tuple[str, dict[str, Any]]:
        for _ in range(_ATTEMPTS):
            content, upright = read_image(str(image), self._options)
            if self._uses_read_bytes:
                register_backend(_BACKEND, _ReadBytes, force=True)
                _ReadBytes.current = upright
            with self._guard.running():
                results = self._load({"img_path": str(image), "img_id": index})
            _ReadBytes.current = b""
            if results is None:
                raise ValueError("it cannot be decoded")
            # Another loader opens the file again: it read the same only if the file is unchanged.
            if self._uses_read_bytes or read_regular(image) == content:
                if upright is not content:
                    self._require_turned(results, upright)
                return hashlib.sha256(content).hexdigest(), results
        raise ValueError("it changes while it is being read")

    def _require_turned(self, results: dict[str, Any], upright: bytes) -> None:
        """Raise `ValueError` if a loader of the project has not turned an image."""
        with open_image(upright, self._options.max_pixels) as image:
            width, height = image.size
        pixels = results.get("img")
        if pixels is not None and tuple(pixels.shape[:2]) != (height, width):
            raise ValueError(
                f"its EXIF orientation makes it {width} × {height}, but the loader of the test "
                "pipeline does not (exif under [dataset])"
            )


def prepared_images(
    images: Sequence[Path],
    transforms: Sequence[Callable[[Any], Any]],
    *,
    batch_size: int,
    n_workers: int,
    options: ImageOptions,
    pinned: bool = False,
    guard: Guard = _FREE,
) -> Iterator[Prepared]:
    """Yield every image, prepared by worker processes, in the given order.

    With `pinned`, and workers, they are in memory from which a GPU can copy while it works.
    """
    finished = 0
    if n_workers:
        try:
            for batch in _loader(images, transforms, options, batch_size, n_workers, pinned, guard):
                finished += len(batch)
                yield from batch
            return
        except RuntimeError as error:
            # Workers pass images in shared memory, which is often very small in containers. Memory
            # that can be pinned may be small, too.
            if not any(text in str(error) for text in ("DataLoader worker", "pin memory thread")):
                raise
    for batch in _loader(images[finished:], transforms, options, batch_size, 0, False, guard):
        yield from batch


def _loader(
    images: Sequence[Path],
    transforms: Sequence[Callable[[Any], Any]],
    options: ImageOptions,
    batch_size: int,
    n_workers: int,
    pinned: bool,
    guard: Guard,
) -> DataLoader[Prepared]:
    dataset: Any = _TestImages(images, transforms, options, guard)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=False,
        num_workers=n_workers,
        collate_fn=list,
        pin_memory=pinned and n_workers > 0,
        prefetch_factor=2 if n_workers else None,
        worker_init_fn=_quiet_worker,
        # A forked worker is cheap, because it need not import MMDetection again.
        multiprocessing_context="fork" if n_workers and sys.platform == "linux" else None,
    )


def _quiet_worker(worker: int) -> None:
    import cv2

    warnings.simplefilter("ignore")
    cv2.setNumThreads(0)


def worker_count(n_images: int, batch_size: int, device_type: str) -> int:
    """Return how many processes should prepare images: none if starting them costs more.

    A model on a CPU uses all cores, and preparing an image takes a twentieth of its time. On two
    cores a worker slowed the model down: 0.8 to 0.9 times the images per second.
    """
    if n_images <= 2 * batch_size:
        return 0
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    useful = min(8, cpus) if device_type == "cuda" else min(2, cpus // 4)
    return min(useful, -(-n_images // batch_size))


def by_shape(images: Iterator[Prepared], *, batch_size: int) -> Iterator[list[Prepared]]:
    """Group images of one tensor shape: padding to a common shape would change detections."""
    waiting: dict[tuple[int, ...], list[Prepared]] = {}
    n_bytes = 0
    for image in images:
        if image.inputs is None:
            if image.broken:
                raise DetectorError(
                    f"the test pipeline of the configuration fails on {image.image}: "
                    f"{image.problem}"
                )
            yield [image]
            continue
        group = waiting.setdefault(tuple(image.inputs.shape), [])
        group.append(image)
        n_bytes += image.inputs.nbytes
        if n_bytes > _WAITING_BYTES:  # if nearly every image has another shape
            group = max(waiting.values(), key=len)
        elif len(group) < batch_size:
            continue
        n_bytes -= sum(image.inputs.nbytes for image in group if image.inputs is not None)
        yield waiting.pop(_shape(group))
    yield from waiting.values()


def _shape(group: list[Prepared]) -> tuple[int, ...]:
    inputs = group[0].inputs
    assert inputs is not None
    return tuple(inputs.shape)
