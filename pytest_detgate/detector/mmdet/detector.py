"""A detector that runs a built MMDetection model."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.mmdet.images import Prepared, by_shape, prepared_images, worker_count
from pytest_detgate.detector.mmdet.output_watch import OutputWatch
from pytest_detgate.detector.mmdet.stored_wall import Guard
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.torch_batches import BatchedDetector, Boxes

_FREE = Guard()
_cuda: Any = torch.cuda  # Stream and Event have no types


class MMDetector(BatchedDetector):
    """Runs a model over images, `batch_size` of one shape at a time.

    The detections on an image do not depend on the other images of its batch: only images of one
    shape share a batch, and every batch is filled up, because kernels for another number of images
    round differently. If memory runs out, this batch and all later ones are half as large.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        transforms: Sequence[Callable[[Any], Any]],
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
        image_options: ImageOptions,
        guard: Guard = _FREE,
        precision: str = "float32",
    ) -> None:
        super().__init__(
            info=info,
            device=device,
            batch_size=batch_size,
            image_options=image_options,
            precision=precision,
        )
        self.model: Any = model.to(device).eval()
        self.transforms = transforms
        self._guard = guard
        self._watch = OutputWatch(self.model)

    def detect(self, images: Sequence[Path], *, n_workers: int | None = None) -> Iterator[Detected]:
        """Yield each image's detections as soon as they are known, in any order.

        `n_workers` processes prepare images ahead of the model. Without workers, and with batches
        of one, an image is read when its detections are requested, in the given order.
        """
        on_gpu = device_type(self.device) == "cuda"
        if n_workers is None:
            n_workers = worker_count(len(images), self.batch_size, device_type(self.device))
        prepared = prepared_images(
            images,
            self.transforms,
            batch_size=self.batch_size,
            n_workers=n_workers,
            options=self.image_options,
            pinned=on_gpu,
            guard=self._guard,
        )
        groups = by_shape(prepared, batch_size=self.batch_size)
        if on_gpu and n_workers:
            groups = _send_ahead(groups, self.device)
        try:
            while True:
                # Entered for each group: across `yield` it would filter the warnings of the caller.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    group = next(groups, None)
                    if group is None:
                        return
                    detected = self._detected(group)
                yield from detected
        finally:
            self._free_memory()  # other processes use the GPU between two calls

    def in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield detections one by one; an image is read when they are requested."""
        return self.detect(images, n_workers=0)

    def _detected(self, group: list[Prepared]) -> list[Detected]:
        if (problem := group[0].problem) is not None:
            return [Detected(group[0].image, "", UnreadableImage(problem))]
        results: list[Boxes | OutputNotFinite] = []
        started = time.perf_counter()
        while len(results) < len(group):
            results += self._predict_watched(group[len(results) : len(results) + self.batch_size])
        self.model_seconds += time.perf_counter() - started
        return [
            Detected(prepared.image, prepared.sha256, self._checked(result, prepared.image))
            for prepared, result in zip(group, results, strict=True)
        ]

    def _predict_watched(self, batch: list[Prepared]) -> list[Boxes | OutputNotFinite]:
        """Return the boxes on each image of a batch, or none if the batch must be repeated."""
        self._watch.begin()
        results = self._predict(batch)
        if not results or self._watch.settle():
            return []
        if not self._watch.not_finite():
            return [*results]
        # The outputs of a batch do not tell which image it was: heads mix the images.
        return [self._predict_single(prepared) for prepared in batch]

    def _predict_single(self, prepared: Prepared) -> Boxes | OutputNotFinite:
        results: list[Boxes] = []
        while not results:
            self._watch.begin(exact=True)
            results = self._predict([prepared])
        parts = self._watch.not_finite()
        return OutputNotFinite(parts[0]) if parts else results[0]

    def _predict(self, batch: list[Prepared]) -> list[Boxes]:
        """Return the boxes on each image of a batch, or none if memory ran out."""
        inputs = [prepared.inputs for prepared in batch]
        samples = [prepared.data_sample for prepared in batch]
        n_fill = self.batch_size - len(batch)
        inputs += inputs[-1:] * n_fill
        samples += [samples[-1].clone() for _ in range(n_fill)]

        def predict() -> list[Boxes]:
            with self._guard.running():
                results = self.model.test_step({"inputs": inputs, "data_samples": samples})
                return _boxes(results)[: len(batch)]

        return self._run_batch(predict, batch[0].image)


def _boxes(samples: Sequence[Any]) -> list[Boxes]:
    """Return the boxes on each image."""
    instances = [sample.pred_instances for sample in samples]
    # One transfer for the whole batch; labels are exact in float32 up to 2**24.
    rows = torch.cat(
        [
            torch.cat(
                [
                    _corners(instance.bboxes).float(),
                    instance.scores[:, None].float(),
                    instance.labels[:, None].float(),
                ],
                dim=1,
            )
            for instance in instances
        ]
    )
    ends = np.cumsum([len(instance.scores) for instance in instances])[:-1]
    tables = np.split(rows.cpu().numpy(), ends)
    return [(table[:, :4], table[:, 4], table[:, 5]) for table in tables]


def _corners(boxes: Any) -> torch.Tensor:
    """Return plain corners, also of MMDetection's box objects."""
    tensor: torch.Tensor = getattr(boxes, "tensor", boxes)
    return tensor


def _send_ahead(groups: Iterator[list[Prepared]], device: str) -> Iterator[list[Prepared]]:
    """Yield each group with its images on the GPU, while the next one is being copied.

    Images in pinned memory are copied while the model works, others before it.
    """
    stream = _cuda.Stream(device)
    waiting: tuple[list[Prepared], torch.cuda.Event] | None = None
    for group in groups:
        sent = _sent(group, device, stream)
        if waiting is not None:
            yield _arrived(*waiting, device)
        waiting = sent
    if waiting is not None:
        yield _arrived(*waiting, device)


def _sent(
    group: list[Prepared], device: str, stream: torch.cuda.Stream
) -> tuple[list[Prepared], torch.cuda.Event]:
    with torch.cuda.stream(stream):
        # A group that does not fit is copied when its turn comes, in batches that fit.
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            group = [
                image
                if image.inputs is None
                else replace(image, inputs=image.inputs.to(device, non_blocking=True))
                for image in group
            ]
        event = _cuda.Event()
        event.record(stream)
    return group, event


def _arrived(group: list[Prepared], event: torch.cuda.Event, device: str) -> list[Prepared]:
    current = torch.cuda.current_stream(device)
    current.wait_event(event)
    for image in group:
        if image.inputs is not None and image.inputs.is_cuda:
            # Their memory belongs to the other stream, which must not reuse it before.
            image.inputs.record_stream(current)
    return group
