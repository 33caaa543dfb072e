"""A detector that calls the object of a project's entry and checks what it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_detgate.cache.digests import Signature, signature
from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.detections import (
    ImageDetections,
    ImageResult,
    ModelInfo,
    OutputNotFinite,
    UnreadableImage,
)
from pytest_detgate.detector.image_bytes import cut_short, reason_of
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.project_call import call_project
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.python.code import importable
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError, nearest
from pytest_detgate.regular_file import open_regular, read_regular

_ATTEMPTS = 3


class EntryDetector:
    """Calls the object that the entry returned, and checks everything that it returns."""

    def __init__(
        self,
        made: Any,
        entry: str,
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
        folder: Path | None,
        max_pixels: int,
    ) -> None:
        self.info = info
        self.device = device
        self._made = made
        self._entry = entry
        self._batch_size = batch_size
        self._folder = folder
        self._max_pixels = max_pixels
        self._labels = {name: index for index, name in enumerate(info.classes)}

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections, in order.

        The digest of an image is that of the bytes that the file has before and after detection.
        """
        waiting = iter(images)
        while batch := list(islice(waiting, self._batch_size)):
            yield from self._detected(batch)

    def _detected(self, batch: list[Path]) -> Iterator[Detected]:
        for _ in range(_ATTEMPTS):
            digests: dict[Path, str] = {}
            broken: list[Detected] = []
            before = {}
            for image in batch:
                try:
                    before[image] = signature(image)
                    digests[image] = _digest(image)
                except Exception as error:  # each decoder has its own errors
                    broken.append(Detected(image, "", UnreadableImage(reason_of(error))))
            results = self._results(list(digests)) if digests else []
            if all(_is_unchanged(image, before[image]) for image in digests):
                break
        else:
            raise DetectorError(f"{batch[0]} or one of the next images changes while it is read")
        yield from broken
        for image, result in zip(digests, results, strict=True):
            is_read = isinstance(result, ImageDetections)
            yield Detected(image, digests[image] if is_read else "", result)

    def _results(self, images: list[Path]) -> list[ImageResult]:
        try:
            with importable(self._folder), quiet():
                outputs: list[Any] = call_project(
                    list, call_project(self._made.detect, list(images))
                )
        except DetectorError:
            raise
        except (Exception, SystemExit) as error:  # the project's own code runs
            if len(images) > 1:  # to find out which of them it was
                return [result for image in images for result in self._results([image])]
            if (reason := _undecodable(images[0], self._max_pixels)) is not None:
                return [UnreadableImage(reason)]
            raise DetectorError(
                f"{self._entry} fails on {images[0]}: {type(error).__name__}: {error}"
            ) from error
        if len(outputs) != len(images):
            raise DetectorError(
                f"{self._entry}: detect got {counted(len(images), 'image')} and returned "
                f"{counted(len(outputs), 'result')}, first image {images[0]}"
            )
        return [self._checked(output, image) for output, image in zip(outputs, images, strict=True)]

    def _checked(self, output: Any, image: Path) -> ImageDetections | OutputNotFinite:
        try:
            boxes, scores, labels = output
        except (TypeError, ValueError):
            raise DetectorError(
                f"{self._entry}'s output for {image}: expected boxes, scores and labels, found "
                f"a {type(output).__name__}"
            ) from None
        try:
            are_names = any(isinstance(label, str) for label in labels)
        except TypeError:  # not a list, which is reported below
            are_names = False
        if are_names:
            unknown = [
                name for name in labels if not (isinstance(name, str) and name in self._labels)
            ]
            if unknown:
                raise DetectorError(
                    f"{self._entry}'s output for {image}: {unknown[0]!r} is not one of its classes"
                    f"{nearest(str(unknown[0]), self._labels)}"
                )
            labels = [self._labels[name] for name in labels]
        return checked_detections(
            boxes, scores, labels, image=image, n_classes=len(self.info.classes)
        )


def _digest(image: Path) -> str:
    content = read_regular(image)
    if (flaw := cut_short(content)) is not None:
        raise ValueError(flaw)
    return hashlib.sha256(content).hexdigest()


def _is_unchanged(image: Path, before: Signature) -> bool:
    try:
        return signature(image) == before
    except OSError:
        return False


def _undecodable(image: Path, max_pixels: int) -> str | None:
    """Return why Pillow cannot decode an image either; None if it can."""
    try:
        with open_regular(image) as file, open_image(file, max_pixels) as opened:
            opened.load()
    except Exception as error:  # Pillow's decoders raise many kinds
        return reason_of(error)
    return None
