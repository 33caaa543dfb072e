"""What a worker does, be it a process of this machine or an actor of Ray."""

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
from pytest_detgate.detector.workers.loading import detect_here, load_detector
from pytest_detgate.detector.workers.messages import (
    Answer,
    Answers,
    Batch,
    Described,
    Failed,
    Message,
    Order,
    SentImage,
    packed,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file


class Worker:
    """Loads one model and looks at images with it.

    `forks` allows it to start processes that read images ahead of a GPU. Images whose content is
    sent are kept below `folder` while they are looked at.
    """

    def __init__(self, *, forks: bool, folder: Path) -> None:
        self._forks = forks
        self._folder = folder
        self._holds_gpu = False
        self._loaded: LoadedModel | None = None

    def handle(self, message: Message) -> Message:
        """Answer a message; whatever goes wrong is an answer, too."""
        try:
            if isinstance(message, Order):
                return self._load(message)
            assert isinstance(message, Batch)
            return self._look(message)
        except DetectorError as error:
            return Failed(error=str(error))
        except Exception as error:  # the project's own code runs here
            traceback.print_exc()
            return Failed(error=f"a worker failed: {type(error).__name__}: {error}")

    def _load(self, order: Order) -> Described:
        checkpoint = order.source.checkpoint
        if order.verify and checkpoint is not None:
            _verify(checkpoint, order.sha256)
        self._holds_gpu = order.holds_gpu
        if order.source.threads is not None:  # for what is imported later still
            os.environ["OMP_NUM_THREADS"] = str(order.source.threads)
        self._loaded = load_detector(
            order.source,
            sha256=order.sha256,
            device=order.device,
            batch_size=order.batch_size,
            project=order.project,
        )
        if (cv2 := sys.modules.get("cv2")) is not None:
            cv2.setNumThreads(0)
        return Described(
            gate=__version__,
            info=self._loaded.detector.info,
            device=self._loaded.detector.device,
            dependencies=self._loaded.dependencies or Dependencies(),
            versions=installed_versions(self._loaded.packages),
        )

    def _look(self, batch: Batch) -> Answers:
        assert self._loaded is not None
        folder = self._folder / f"images-{batch.number}"
        try:
            files = [_file(folder, at, image) for at, image in enumerate(batch.images)]
            answers = self._answers([file for file in files if file is not None])
        except DetectorError as error:
            raise DetectorError(_with_own_names(str(error), folder, batch)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        told = []
        for file, image in zip(files, batch.images, strict=True):
            if file is None:
                told.append(Answer(problem=image.problem))
            elif file in answers:
                told.append(answers[file])
            else:
                raise DetectorError(f"the detector says nothing of {image.path}")
        notes = tuple(getattr(self._loaded.detector, "notes", ()))
        return Answers(number=batch.number, answers=tuple(told), notes=notes)

    def _answers(self, files: list[Path]) -> dict[Path, Answer]:
        assert self._loaded is not None
        detector = self._loaded.detector
        with exclusive(detector.device) if self._holds_gpu else contextlib.nullcontext():
            detected = detect_here(detector, files, forks=self._forks)
            return {one.image: packed(one) for one in detected}


def _file(folder: Path, at: int, image: SentImage) -> Path | None:
    if image.problem is not None:
        return None
    if image.content is None:
        return Path(image.path)
    folder.mkdir(exist_ok=True)
    file = _received_as(folder, at, image)
    file.write_bytes(image.content)
    return file


def _received_as(folder: Path, at: int, image: SentImage) -> Path:
    # The name may say something to a transform of the project; it need not be unique.
    return folder / f"{at}-{Path(image.path).name}"


def _with_own_names(text: str, folder: Path, batch: Batch) -> str:
    for at, image in enumerate(batch.images):
        text = text.replace(str(_received_as(folder, at, image)), image.path)
    return text


def _verify(checkpoint: Path, sha256: str) -> None:
    try:
        found = sha256_of_file(checkpoint)
    except OSError as error:
        raise DetectorError(
            f"{checkpoint}: a worker cannot read it: {error.strerror}. shared-files under [run] "
            "says that every worker finds the same files by the same paths"
        ) from error
    if found != sha256:
        raise DetectorError(f"{checkpoint}: a worker finds another file by this name")
