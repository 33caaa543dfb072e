"""A detector that runs a network of torch over images, in batches of one size."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.image_bytes import read_image, reason_of
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.detector.torch_batches import BatchedDetector, Boxes, model_failure
from pytest_detgate.detector.torch_precision import HALVES, compile_networks, lower_precision

_WORKERS = 4
_GPU_BATCH = 16
# Images of other sizes wait for company; more than this many batches of them do not.
_WAITING_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Input:
    """An image for a network: `values` are its tensors, `size` its (height, width) in pixels."""

    values: dict[str, torch.Tensor]
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[Any, ...]:
        """What two images must have in common to be in one batch."""
        shapes = [(name, tuple(values.shape)) for name, values in self.values.items()]
        return (self.size, *shapes)


class Network(Protocol):
    """A loaded model: pixels to inputs, and inputs of one shape to boxes."""

    def prepare(self, pixels: NDArray[np.uint8]) -> Input:
        """Make the input of an image (height, width, 3) in the order red, green, blue.

        Threads call it.
        """

    def predict(self, batch: Sequence[Input]) -> list[Boxes | OutputNotFinite]:
        """Return the boxes on each image."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    image: Path
    sha256: str = ""
    input: Input | None = None
    problem: str | None = None


def usual_batch_size(device: str) -> int:
    """Return the number of images in a batch if the project does not choose."""
    return _GPU_BATCH if device_type(device) == "cuda" else 1


def set_computation(networks: Sequence[Any], device: str, source: ModelSource) -> None:
    """Make networks compute as `source` asks: compiled, in another precision."""
    if source.compile:
        compile_networks(networks)
    if source.precision in HALVES:
        lower_precision(networks, device, source.precision)


class TorchDetector(BatchedDetector):
    """Runs a network over images, `batch_size` of one size at a time.

    The detections on an image do not depend on the other images of its batch: images of other sizes
    would be padded, and every batch is filled up, because kernels for another number of images
    round differently. If memory runs out, this batch and all later ones are half as large.
    """

    def __init__(
        self,
        network: Network,
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
        image_options: ImageOptions,
        precision: str = "float32",
    ) -> None:
        super().__init__(
            info=info,
            device=device,
            batch_size=batch_size,
            image_options=image_options,
            precision=precision,
        )
        self._network = network

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections, in any order; threads read images ahead of the model."""
        n_workers = max(1, min(_WORKERS, os.cpu_count() or 1))
        ahead: deque[Future[_Prepared]] = deque()

        def prepared() -> Iterator[_Prepared]:
            for image in images:
                ahead.append(pool.submit(self._prepare, image))
                if len(ahead) > 2 * n_workers + self.batch_size:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

        with ThreadPoolExecutor(n_workers) as pool:
            try:
                yield from self._run(prepared())
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield detections as `detect` does; an image is read when its batch is made."""
        yield from self._run(map(self._prepare, images))

    def _run(self, prepared: Iterable[_Prepared]) -> Iterator[Detected]:
        try:
            for group in self._groups(prepared):
                yield from self._detected(group)
        finally:
            self._free_memory()  # other processes use the GPU between two calls

    def _groups(self, prepared: Iterable[_Prepared]) -> Iterator[list[_Prepared]]:
        """Yield images of one shape, a batch of them where there are so many."""
        waiting: dict[tuple[Any, ...], list[_Prepared]] = {}
        for image in prepared:
            if image.input is None:
                yield [image]
                continue
            group = waiting.setdefault(image.input.shape, [])
            group.append(image)
            if len(group) >= self.batch_size:
                yield waiting.pop(image.input.shape)
            elif sum(map(len, waiting.values())) > _WAITING_BATCHES * self.batch_size:
                yield waiting.pop(next(iter(waiting)))
        yield from waiting.values()

    def _prepare(self, image: Path) -> _Prepared:
        try:
            content, upright = read_image(str(image), self.image_options)
            with (
                warnings.catch_warnings(),
                open_image(upright, self.image_options.max_pixels) as opened,
            ):
                warnings.simplefilter("ignore")
                # An image would be copied to become what it is.
                pixels = np.array(opened if opened.mode == "RGB" else opened.convert("RGB"))
        except Exception as error:  # every decoder has its own errors
            return _Prepared(image, problem=reason_of(error))
        digest = hashlib.sha256(content).hexdigest()
        try:
            return _Prepared(image, digest, self._network.prepare(pixels))
        except Exception as error:  # the framework's own code runs
            raise model_failure(error, image) from error

    def _detected(self, group: list[_Prepared]) -> Iterator[Detected]:
        inputs = []
        for image in group:
            if image.input is None:
                yield Detected(image.image, "", UnreadableImage(image.problem or ""))
            else:
                inputs.append((image, image.input))
        results: list[Boxes | OutputNotFinite] = []
        started = time.perf_counter()
        while len(results) < len(inputs):
            results += self._predict(inputs[len(results) : len(results) + self.batch_size])
        self.model_seconds += time.perf_counter() - started
        for (image, _), result in zip(inputs, results, strict=True):
            yield Detected(image.image, image.sha256, self._checked(result, image.image))

    def _predict(self, batch: list[tuple[_Prepared, Input]]) -> list[Boxes | OutputNotFinite]:
        """Return the boxes on each image of a batch, or none if memory ran out."""
        inputs = [values for _, values in batch]
        inputs += inputs[-1:] * (self.batch_size - len(batch))

        def predict() -> list[Boxes | OutputNotFinite]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._network.predict(inputs)[: len(batch)]

        return self._run_batch(predict, batch[0][0].image)
