"""The gate's side of the Ray engine; Ray itself runs in another process (`ray_process`)."""

from __future__ import annotations

import importlib.util
import queue
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_detgate._version import __version__
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.messages import (
    DetectImages,
    Failed,
    Finished,
    ImagesDetected,
    LoadModel,
    Message,
    ModelLoaded,
    StartRay,
    unpack_result,
)
from pytest_detgate.detector.workers.pipes import PipedProcess
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.errors import DetectorError
from pytest_detgate.temporary.folder import TemporaryFolder

_MODULE = "pytest_detgate.detector.workers.ray_process"


class RayWorkers:
    """A detector on the machines of a Ray cluster; constructing it starts the first worker."""

    info: ModelInfo

    def __init__(self, load: LoadModel, plan: RunPlan) -> None:
        if importlib.util.find_spec("ray") is None:
            raise DetectorError(
                'ray is not installed, and engine = "ray" under [run] needs it: '
                "pip install 'pytest-detgate[ray]'"
            )
        received: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        folder = TemporaryFolder("ray")
        self._received = received
        self._process = PipedProcess(
            _MODULE,
            (),
            device="auto",
            log=folder.path / "log",
            on_message=lambda message: received.put(message),
        )
        self._end = weakref.finalize(self, _end_function(self._process, folder))
        self._gone = ""
        self.notes: tuple[str, ...] = ()
        self._process.send(
            StartRay(
                load=load,
                workers=plan.workers,
                batch=plan.batch,
                address=plan.address,
                gpus_per_worker=plan.gpus_per_worker,
                shared_files=plan.shared_files,
            )
        )
        try:
            loaded = self._next()
            if isinstance(loaded, Failed):
                raise DetectorError(loaded.error)
            assert isinstance(loaded, ModelLoaded)
            _require_same_packages(loaded)
        except BaseException:
            self._end()
            raise
        self.loaded: ModelLoaded = loaded
        self.info = loaded.info
        self.device = loaded.device

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections as soon as its batch is done, in any order."""
        by_name = {str(image.absolute()): image for image in images}
        self._process.send(DetectImages(paths=tuple(by_name)))
        is_done = False
        try:
            while isinstance(message := self._next(), ImagesDetected):
                for name, result in message.results.items():
                    yield unpack_result(by_name[name], result)
            is_done = True
        finally:
            if not is_done:  # its next messages would be taken for results of the next request
                self._gone = self._gone or "it was interrupted"
                self._end()
        if isinstance(message, Failed):
            raise DetectorError(message.error)
        assert isinstance(message, Finished)
        self.notes = message.notes

    def end(self) -> None:
        """End the workers, and Ray if it was started for them."""
        self._end()

    def _next(self) -> Message:
        message = None if self._gone else self._received.get()
        if message is None:
            self._gone = self._gone or self._process.exit_reason()
            self._end()
            raise DetectorError(f"the Ray process is gone: {self._gone}")
        return message


def _end_function(process: PipedProcess, folder: TemporaryFolder) -> Callable[[], None]:
    def end() -> None:
        process.end(patience_s=15)
        folder.remove()

    return end


def _require_same_packages(loaded: ModelLoaded) -> None:
    """Cached detections are those of the packages of this machine."""
    here = {"pytest-detgate": __version__, **installed_versions(loaded.versions)}
    there = {"pytest-detgate": loaded.gate, **loaded.versions}
    differences = [
        f"{name} {here[name] or 'none'} here and {version or 'none'} there"
        for name, version in there.items()
        if here[name] != version
    ]
    if differences:
        raise DetectorError(
            "the workers of Ray have other packages than this machine, which must have the same: "
            + ", ".join(differences)
        )
