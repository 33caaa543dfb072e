"""A worker, in a process of this machine or an actor of Ray."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
from pathlib import Path

from pytest_detgate._version import __version__
from pytest_detgate.detector.dependencies.state import Dependencies
from pytest_detgate.detector.devices import exclusive
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import LoadedModel
from pytest_detgate.detector.workers.loading import detect_in_worker, load_detector
from pytest_detgate.detector.workers.messages import (
    BatchDetected,
    DetectBatch,
    Failed,
    LoadModel,
    Message,
    ModelLoaded,
    PackedResult,
    SentImage,
    pack_result,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file


class Worker:
    """Loads one model and detects with it.

    `forks` allows it to start processes that read images ahead of a GPU. Images whose content is
    sent are in files below `folder` during detection.
    """

    def __init__(self, *, forks: bool, folder: Path) -> None:
        self._forks = forks
        self._folder = folder
        self._holds_gpu = False
        self._loaded: LoadedModel | None = None

    def handle(self, message: Message) -> Message:
        """Handle a message and return the reply; a failure is a reply, too."""
        try:
            if isinstance(message, LoadModel):
                return self._load(message)
            assert isinstance(message, DetectBatch)
            return self._detect(message)
        except DetectorError as error:
            return Failed(error=str(error))
        except Exception as error:  # the project's own code runs here
            traceback.print_exc()
            return Failed(error=f"a worker failed: {type(error).__name__}: {error}")

    def _load(self, request: LoadModel) -> ModelLoaded:
        checkpoint = request.source.checkpoint
        if request.verify and checkpoint is not None:
            _verify(checkpoint, request.sha256)
        self._holds_gpu = request.holds_gpu
        if request.source.threads is not None:  # for packages that are imported later
            os.environ["OMP_NUM_THREADS"] = str(request.source.threads)
        self._loaded = load_detector(
            request.source,
            sha256=request.sha256,
            device=request.device,
            batch_size=request.batch_size,
            project=request.project,
        )
        if (cv2 := sys.modules.get("cv2")) is not None:
            cv2.setNumThreads(0)
        return ModelLoaded(
            gate=__version__,
            info=self._loaded.detector.info,
            device=self._loaded.detector.device,
            dependencies=self._loaded.dependencies or Dependencies(),
            versions=installed_versions(self._loaded.packages),
        )

    def _detect(self, batch: DetectBatch) -> BatchDetected:
        assert self._loaded is not None
        folder = self._folder / f"images-{batch.number}"
        try:
            files = [_local_file(folder, index, image) for index, image in enumerate(batch.images)]
            detected = self._results([file for file in files if file is not None])
        except DetectorError as error:
            raise DetectorError(_with_original_names(str(error), folder, batch)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        results = []
        for file, image in zip(files, batch.images, strict=True):
            if file is None:
                results.append(PackedResult(problem=image.problem))
            elif file in detected:
                results.append(detected[file])
            else:
                raise DetectorError(f"the detector returns nothing for {image.path}")
        notes = tuple(getattr(self._loaded.detector, "notes", ()))
        return BatchDetected(number=batch.number, results=tuple(results), notes=notes)

    def _results(self, files: list[Path]) -> dict[Path, PackedResult]:
        assert self._loaded is not None
        detector = self._loaded.detector
        with exclusive(detector.device) if self._holds_gpu else contextlib.nullcontext():
            detected = detect_in_worker(detector, files, forks=self._forks)
            return {answer.image: pack_result(answer) for answer in detected}


def _local_file(folder: Path, index: int, image: SentImage) -> Path | None:
    """Return a file of this machine with the image; None if there is no content to write."""
    if image.problem is not None:
        return None
    if image.content is None:
        return Path(image.path)
    folder.mkdir(exist_ok=True)
    file = _received_file(folder, index, image)
    file.write_bytes(image.content)
    return file


def _received_file(folder: Path, index: int, image: SentImage) -> Path:
    # A transform of the project may use the name, which need not be unique.
    return folder / f"{index}-{Path(image.path).name}"


def _with_original_names(text: str, folder: Path, batch: DetectBatch) -> str:
    for index, image in enumerate(batch.images):
        text = text.replace(str(_received_file(folder, index, image)), image.path)
    return text


def _verify(checkpoint: Path, sha256: str) -> None:
    try:
        actual = sha256_of_file(checkpoint)
    except OSError as error:
        raise DetectorError(
            f"{checkpoint}: a worker cannot read it: {error.strerror}. With shared-files under "
            "[run] every worker must have the same files at the same paths"
        ) from error
    if actual != sha256:
        raise DetectorError(f"{checkpoint}: a worker has another file at this path")
