"""Validation of the detections that a detector returns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_detgate.boxes import MAX_AREA
from pytest_detgate.detections import ImageDetections, ImageResult, ModelInfo, OutputNotFinite
from pytest_detgate.detector.protocol import Detected, Detector
from pytest_detgate.errors import DetectorError

_Detect = Callable[[Sequence[Path]], Iterable[Detected]]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def checked_detections(
    xyxy: ArrayLike, score: ArrayLike, label: ArrayLike, *, image: Path, n_classes: int
) -> ImageDetections | OutputNotFinite:
    """Return the detections on one image, best score first.

    `xyxy` is (n, 4) corners in pixels, `score` (n,) from 0 to 1, `label` (n,) whole numbers from 0
    to `n_classes` - 1. With NaN or infinity the result is `OutputNotFinite`. Anything else is a
    `DetectorError` that names the image: without the box, a limit of false boxes could pass.
    """
    boxes = _array(xyxy, "boxes", image)
    scores = _array(score, "scores", image)
    _require_fractions(score, image)
    labels = _array(label, "labels", image)
    if boxes.size == 0 and scores.size == 0 and labels.size == 0:
        boxes, scores, labels = np.zeros((0, 4)), np.zeros(0), np.zeros(0)
    n = len(scores) if scores.ndim == 1 else -1
    if boxes.shape != (n, 4) or labels.shape != (n,):
        raise DetectorError(
            f"the model's output for {image}: expected boxes (n, 4), scores (n) and labels (n), "
            f"found {boxes.shape}, {scores.shape} and {labels.shape}"
        )
    with np.errstate(over="ignore"):
        boxes, scores = boxes.astype(np.float32), scores.astype(np.float32)
    for what, values in (("boxes", boxes), ("scores", scores), ("labels", labels)):
        if not np.isfinite(values).all():
            return OutputNotFinite(what)
    large = _larger_than_images(boxes)
    if large.any():
        # AP leaves such a box out without a word.
        raise DetectorError(
            f"the model's output for {image}: a box is larger than any image: "
            f"{boxes[large][0].tolist()}"
        )
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        raise DetectorError(
            f"the model's output for {image}: a score is from 0 to 1, found {scores[outside][0]:g}"
        )
    unknown = (labels < 0) | (labels >= n_classes) | (labels != np.floor(labels))
    if unknown.any():
        raise DetectorError(
            f"the model's output for {image}: a label is a whole number from 0 to "
            f"{n_classes - 1}, found {labels[unknown][0]:g}"
        )
    order = np.argsort(-scores, kind="stable")
    return ImageDetections(
        xyxy=np.ascontiguousarray(boxes[order]),
        score=np.ascontiguousarray(scores[order]),
        label=labels[order].astype(np.int32),
    )


def are_detections(detections: ImageDetections, *, n_classes: int) -> bool:
    """Return whether cached detections are possible ones, as `checked_detections` requires."""
    boxes, scores, labels = detections.xyxy, detections.score, detections.label
    return bool(
        boxes.shape == (len(scores), 4)
        and labels.shape == scores.shape
        and min(detections.size or (1,)) > 0
        and np.isfinite(boxes).all()
        and not _larger_than_images(boxes).any()
        and ((scores >= 0) & (scores <= 1)).all()
        and ((labels >= 0) & (labels < n_classes)).all()
    )


def _larger_than_images(xyxy: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) which boxes no image can have."""
    sides = np.clip(xyxy[:, 2:].astype(np.float64) - xyxy[:, :2], 0, None)
    return np.asarray(sides.prod(axis=1) > MAX_AREA)


def _array(values: ArrayLike, what: str, image: Path) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and array.size:
            raise TypeError(f"they are text, such as {array.reshape(-1)[0].item()!r}")
        if array.dtype.kind in "bc" and array.size:
            raise TypeError(f"they are {array.dtype}")
        return array.astype(np.float64)
    except Exception as error:  # other objects may fail in any way when they are converted
        raise DetectorError(
            f"the model's output for {image}: its {what} are not numbers: {error}"
        ) from error


def _require_fractions(score: ArrayLike, image: Path) -> None:
    """Refuse scores that were cast to whole numbers, which makes nearly all of them 0."""
    kind = np.asarray(score).dtype
    if hasattr(score, "dtype") and kind.kind in "iu" and np.size(score):
        raise DetectorError(
            f"the model's output for {image}: its scores are {kind}, and a score from 0 to 1 is 0 "
            "after a cast to whole numbers"
        )


class CheckedDetector:
    """A detector of another package whose results are validated; `info` replaces its own."""

    def __init__(self, detector: Detector, info: ModelInfo) -> None:
        self._detector = detector
        self.info = info
        self.device = detector.device
        if hasattr(detector, "in_turn"):
            self.in_turn = self._in_turn

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield the detections on each image once; else raise a `DetectorError`."""
        return self._checked(images, self._detector.detect)

    @property
    def model_seconds(self) -> float:
        """Seconds spent in the model so far; an `AttributeError` if the detector has none."""
        return float(self._detector.model_seconds)  # type: ignore[attr-defined]

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the reader."""
        return tuple(getattr(self._detector, "notes", ()))

    def _in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        return self._checked(images, self._detector.in_turn)  # type: ignore[attr-defined]

    def _checked(self, images: Sequence[Path], detect: _Detect) -> Iterator[Detected]:
        missing = Counter(images)
        for detected in self._detections(images, detect):
            if not isinstance(detected, Detected) or not isinstance(detected.result, ImageResult):
                raise DetectorError(
                    f"{self.info.checkpoint}: the detector must yield a Detected for each image, "
                    "with ImageDetections, an UnreadableImage or an OutputNotFinite; found "
                    f"{str(detected)[:80]}"
                )
            image = detected.image
            if not missing[image]:
                raise DetectorError(
                    f"the detector returned {image} twice, or without a request for it"
                )
            missing[image] -= 1
            result: ImageResult = detected.result
            if isinstance(result, ImageDetections):
                if not _SHA256.fullmatch(detected.sha256):
                    raise DetectorError(
                        f"the model's output for {image}: its sha256 is that of the bytes "
                        f"that were decoded, 64 digits in hexadecimal; found {detected.sha256!r}"
                    )
                result = checked_detections(
                    result.xyxy,
                    result.score,
                    result.label,
                    image=image,
                    n_classes=len(self.info.classes),
                )
            yield Detected(image, detected.sha256, result)
        for image in +missing:
            raise DetectorError(f"the detector returned nothing for {image}")

    def _detections(self, images: Sequence[Path], detect: _Detect) -> Iterator[object]:
        try:
            yield from detect(images)
        except DetectorError:
            raise
        except Exception as error:  # the package's own code runs
            raise DetectorError(
                f"{self.info.checkpoint}: the detector fails: {type(error).__name__}: {error}"
            ) from error
