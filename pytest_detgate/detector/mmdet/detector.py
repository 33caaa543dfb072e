"""A built MMDetection model at work."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ImageDetections, ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.mmdet.acceleration import compiling_failed
from pytest_detgate.detector.mmdet.feeding import sent_ahead
from pytest_detgate.detector.mmdet.images import Prepared, by_shape, prepared_images, worker_count
from pytest_detgate.detector.mmdet.stored_wall import Guard
from pytest_detgate.detector.mmdet.watching import OutputWatch
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError

# How those parts of torch that have no exception of their own for it say that memory ran out.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
_FREE = Guard()


class MMDetector:
    """Runs a model over images, `batch_size` of one shape at a time.

    What is found on an image does not depend on its company: only images of one shape go
    together, and every batch is filled up, because kernels for another number of images round
    differently. Where memory runs out, this batch and all that follow are half as large.
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
    ) -> None:
        self.info = info
        self.device = device
        self.model: Any = model.to(device).eval()
        self.transforms = transforms
        self.batch_size = batch_size
        self.image_options = image_options
        self.model_seconds = 0.0
        """Time spent in the model so far: from tensors in memory to boxes in memory."""
        self.notes: tuple[str, ...] = ()
        """What a reader must know of how it was run: that memory ran out."""
        self._first_batch_size = batch_size
        self._guard = guard
        self._watch = OutputWatch(self.model)

    def detect(self, images: Sequence[Path], *, n_workers: int | None = None) -> Iterator[Detected]:
        """Yield each image's detections as soon as they are known, in any order.

        `n_workers` processes prepare images ahead of the model. With none, and batches of one,
        an image is read no sooner than it is asked for, in the given order.
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
            groups = sent_ahead(groups, self.device)
        try:
            while True:
                # Entered anew for each group: held across `yield`, it would filter the caller's.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    group = next(groups, None)
                    if group is None:
                        return
                    detected = self._detected(group)
                yield from detected
        finally:
            if on_gpu:
                torch.cuda.empty_cache()  # other processes use the GPU between our calls

    def in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        """The same, one by one: an image is read no sooner than it is asked for."""
        return self.detect(images, n_workers=0)

    def _detected(self, group: list[Prepared]) -> list[Detected]:
        if (problem := group[0].problem) is not None:
            return [Detected(group[0].image, "", UnreadableImage(problem))]
        answers: list[NDArray[np.float32] | OutputNotFinite] = []
        started = time.perf_counter()
        while len(answers) < len(group):
            batch = group[len(answers) : len(answers) + self.batch_size]
            answers += self._watched(batch)
        self.model_seconds += time.perf_counter() - started
        return [
            Detected(prepared.image, prepared.sha256, self._checked(answer, prepared.image))
            for prepared, answer in zip(group, answers, strict=True)
        ]

    def _watched(self, batch: list[Prepared]) -> list[NDArray[np.float32] | OutputNotFinite]:
        """Answer for each image of a batch, or for none where it has to be tried again."""
        self._watch.begin()
        tables = self._predict(batch)
        if not tables or self._watch.settle():
            return []
        if not self._watch.not_finite():
            return [*tables]
        # Which image it was, the outputs of a batch do not say: heads mix its images.
        return [self._alone(prepared) for prepared in batch]

    def _alone(self, prepared: Prepared) -> NDArray[np.float32] | OutputNotFinite:
        tables: list[NDArray[np.float32]] = []
        while not tables:
            self._watch.begin(exact=True)
            tables = self._predict([prepared])
        parts = self._watch.not_finite()
        return OutputNotFinite(parts[0]) if parts else tables[0]

    def _checked(
        self, answer: NDArray[np.float32] | OutputNotFinite, image: Path
    ) -> ImageDetections | OutputNotFinite:
        if isinstance(answer, OutputNotFinite):
            return answer
        table = answer
        return checked_detections(
            table[:, :4],
            table[:, 4],
            table[:, 5],
            image=image,
            n_classes=len(self.info.classes),
        )

    def _predict(self, batch: list[Prepared]) -> list[NDArray[np.float32]]:
        """Answer for each image of a batch, or for none where memory has run out."""
        inputs = [prepared.inputs for prepared in batch]
        samples = [prepared.data_sample for prepared in batch]
        n_fill = self.batch_size - len(batch)
        inputs += inputs[-1:] * n_fill
        samples += [samples[-1].clone() for _ in range(n_fill)]
        try:
            with torch.inference_mode(), self._guard.running():
                answers = self.model.test_step({"inputs": inputs, "data_samples": samples})
                return _tables(answers)[: len(batch)]
        except DetectorError:
            raise
        except Exception as error:  # the model is the project's, and may raise anything
            if not _out_of_memory(error):
                raise self._failure(error, batch[0].image) from error
            if self.batch_size == 1:
                raise DetectorError(
                    f"{self.device} has too little memory for one image, {batch[0].image}: {error}"
                ) from error
        # Outside of the handler, so that the failed attempt's tensors are no longer held.
        self.batch_size //= 2
        self.notes = (
            f"memory ran out on {self.device}: images went through the model {self.batch_size} at "
            f"a time in place of {self._first_batch_size}, which may change the last digits",
        )
        if device_type(self.device) == "cuda":
            torch.cuda.empty_cache()
        return []

    def _failure(self, error: Exception, image: Path) -> DetectorError:
        said = f"{type(error).__name__}: {error}"
        if compiling_failed(error):
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            return DetectorError(
                "torch.compile cannot compile the model (compile under [model]): "
                f"{' '.join(lines[:3])}"
            )
        return DetectorError(f"the model fails on {image}: {said}")


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def _tables(samples: Sequence[Any]) -> list[NDArray[np.float32]]:
    """Corners, score and label of every box, one (n, 6) array for each image."""
    found = [sample.pred_instances for sample in samples]
    # One transfer for the whole batch; labels are exact in float32 up to 2**24.
    rows = torch.cat(
        [
            torch.cat(
                [
                    _corners(one.bboxes).float(),
                    one.scores[:, None].float(),
                    one.labels[:, None].float(),
                ],
                dim=1,
            )
            for one in found
        ]
    )
    ends = np.cumsum([len(one.scores) for one in found])[:-1]
    return np.split(rows.cpu().numpy(), ends)


def _corners(boxes: Any) -> torch.Tensor:
    """Plain corners, also where the model answers with MMDetection's box objects."""
    tensor: torch.Tensor = getattr(boxes, "tensor", boxes)
    return tensor
