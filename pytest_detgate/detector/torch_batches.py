"""What the detectors of torch have in common: batches, which are halved if memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ImageDetections, ModelInfo, OutputNotFinite
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.torch_precision import compiling_failure, exact_products
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError

T = TypeVar("T")
Boxes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]
"""Corners (n, 4) in pixels of the image, scores (n) and labels (n) from 0."""

# Parts of torch without an exception class for it report with these texts that memory ran out.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


class BatchedDetector:
    """The base of a detector that runs a network over batches of `batch_size` images."""

    def __init__(
        self,
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
        image_options: ImageOptions,
        precision: str,
    ) -> None:
        self.info = info
        self.device = device
        self.batch_size = batch_size
        self.image_options = image_options
        self.model_seconds = 0.0
        """Seconds spent in the model so far: from tensors in memory to boxes in memory."""
        self.notes: tuple[str, ...] = ()
        """Notes for the reader: that memory ran out."""
        self._first_batch_size = batch_size
        self._precision = precision

    def _run_batch(self, predict: Callable[[], list[T]], first: Path) -> list[T]:
        """Return what `predict` returns for a batch, or nothing if memory ran out.

        Then this batch and all later ones must be half as large. Raises `DetectorError`, which
        names `first`, the first image of the batch, if the model fails otherwise.
        """
        try:
            with torch.inference_mode(), exact_products(self.device, self._precision):
                return predict()
        except DetectorError:
            raise
        except Exception as error:  # the model is the project's, and may raise anything
            if not _out_of_memory(error):
                raise model_failure(error, first) from error
            if self.batch_size == 1:
                raise DetectorError(
                    f"{self.device} has too little memory for one image, {first}: {_line(error)}"
                ) from error
        # Outside the handler, so that the tensors of the failed attempt are freed.
        self.batch_size //= 2
        self.notes = (
            f"memory ran out on {self.device}: images went through the model {self.batch_size} at "
            f"a time in place of {self._first_batch_size}, which may change the last digits",
        )
        self._free_memory()
        return []

    def _checked(
        self, result: Boxes | OutputNotFinite, image: Path
    ) -> ImageDetections | OutputNotFinite:
        if isinstance(result, OutputNotFinite):
            return result
        return checked_detections(*result, image=image, n_classes=len(self.info.classes))

    def _free_memory(self) -> None:
        """Give the memory of a GPU that is not in use back."""
        if device_type(self.device) == "cuda":
            torch.cuda.empty_cache()


def model_failure(error: Exception, image: Path) -> DetectorError:
    """Return what to report if the code of a model raised this error on an image."""
    return compiling_failure(error) or DetectorError(
        f"the model fails on {image}: {type(error).__name__}: {_line(error)}"
    )


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)
