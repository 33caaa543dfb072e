"""A built MMDetection model at work."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.images import Prepared, by_shape, prepared_images, worker_count
from pytest_detgate.detector.protocol import (
    Detected,
    ImageDetections,
    ModelInfo,
    UnreadableImage,
)
from pytest_detgate.errors import DetectorError


class MMDetector:
    """Runs a model over images, `batch_size` of one shape at a time."""

    def __init__(
        self,
        model: torch.nn.Module,
        transforms: Sequence[Callable[[Any], Any]],
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
    ) -> None:
        self.info = info
        self.device = device
        self.model: Any = model.to(device).eval()
        self._transforms = transforms
        self._batch_size = batch_size

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections as soon as they are known, in any order."""
        n_workers = worker_count(len(images), self._batch_size, device_type(self.device))
        prepared = prepared_images(
            images, self._transforms, batch_size=self._batch_size, n_workers=n_workers
        )
        groups = by_shape(prepared, batch_size=self._batch_size)
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
            if device_type(self.device) == "cuda":
                torch.cuda.empty_cache()  # other processes use the GPU between our calls

    def _detected(self, group: list[Prepared]) -> list[Detected]:
        if (problem := group[0].problem) is not None:
            return [Detected(group[0].image, "", UnreadableImage(problem))]
        results = self._predict(group)
        return [
            Detected(prepared.image, prepared.sha256, result)
            for prepared, result in zip(group, results, strict=True)
        ]

    def _predict(self, group: list[Prepared]) -> list[ImageDetections]:
        try:
            with torch.inference_mode():
                samples = self.model.test_step(
                    {
                        "inputs": [prepared.inputs for prepared in group],
                        "data_samples": [prepared.data_sample for prepared in group],
                    }
                )
                return _to_arrays(samples, group)
        except torch.cuda.OutOfMemoryError as error:
            if len(group) == 1:
                raise DetectorError(
                    f"{self.device} has too little memory for {group[0].image}: {error}"
                ) from error
        # Outside of the handler, so that the failed attempt's tensors are no longer held.
        torch.cuda.empty_cache()
        middle = len(group) // 2
        return self._predict(group[:middle]) + self._predict(group[middle:])


def _to_arrays(samples: Sequence[Any], group: Sequence[Prepared]) -> list[ImageDetections]:
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
    table = rows.cpu().numpy()
    ends = np.cumsum([len(one.scores) for one in found])[:-1]
    results = []
    for part, prepared in zip(np.split(table, ends), group, strict=True):
        if not np.isfinite(part).all():
            raise DetectorError(
                f"the model's answer to {prepared.image} is not finite (NaN or infinite)"
            )
        best_first = part[np.argsort(-part[:, 4], kind="stable")]
        results.append(
            ImageDetections(
                xyxy=np.ascontiguousarray(best_first[:, :4]),
                score=np.ascontiguousarray(best_first[:, 4]),
                label=best_first[:, 5].astype(np.int32),
            )
        )
    return results


def _corners(boxes: Any) -> torch.Tensor:
    """Plain corners, also where the model answers with MMDetection's box objects."""
    tensor: torch.Tensor = getattr(boxes, "tensor", boxes)
    return tensor
