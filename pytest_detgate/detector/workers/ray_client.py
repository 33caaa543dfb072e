"""The Ray engine as the gate sees it; Ray itself is in a process of its own (`ray_process`)."""

from __future__ import annotations

import importlib.util
import queue
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_detgate._version import __version__
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.workers.messages import (
    Described,
    Failed,
    Finished,
    Found,
    Images,
    Message,
    Order,
    RayOrder,
    unpacked,
)
from pytest_detgate.detector.workers.pipes import SpokenWith
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.errors import DetectorError

_MODULE = "pytest_detgate.detector.workers.ray_process"


class RayWorkers:
    """A detector on the machines of a Ray cluster; its first worker is started when it is made."""

    info: ModelInfo

    def __init__(self, order: Order, plan: RunPlan) -> None:
        if importlib.util.find_spec("ray") is None:
            raise DetectorError(
                'ray is not installed, and engine = "ray" under [run] needs it: '
                "pip install 'pytest-detgate[ray]'"
            )
        heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        folder = Path(tempfile.mkdtemp(prefix="detgate-ray-"))
        self._heard = heard
        self._process = SpokenWith(
            _MODULE, (), device="auto", log=folder / "log", hear=lambda message: heard.put(message)
        )
        self._end = weakref.finalize(self, _ender(self._process, folder))
        self._gone = ""
        self.notes: tuple[str, ...] = ()
        self._process.send(
            RayOrder(
                order=order,
                workers=plan.workers,
                batch=plan.batch,
                address=plan.address,
                gpus_per_worker=plan.gpus_per_worker,
                shared_files=plan.shared_files,
            )
        )
        try:
            described = self._next()
            if isinstance(described, Failed):
                raise DetectorError(described.error)
            assert isinstance(described, Described)
            _same_packages(described)
        except BaseException:
            self._end()
            raise
        self.described: Described = described
        self.info = described.info
        self.device = described.device

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections as soon as its batch is done, in any order."""
        by_name = {str(image.absolute()): image for image in images}
        self._process.send(Images(paths=tuple(by_name)))
        is_done = False
        try:
            while isinstance(message := self._next(), Found):
                for name, answer in message.answers.items():
                    yield unpacked(by_name[name], answer)
            is_done = True
        finally:
            if not is_done:  # what it still says would be taken for the answer to the next
                self._gone = self._gone or "it was interrupted"
                self._end()
        if isinstance(message, Failed):
            raise DetectorError(message.error)
        assert isinstance(message, Finished)
        self.notes = message.notes

    def end(self) -> None:
        """End the workers, and a Ray that was started for them."""
        self._end()

    def _next(self) -> Message:
        message = None if self._gone else self._heard.get()
        if message is None:
            self._gone = self._gone or self._process.ending()
            self._end()
            raise DetectorError(f"the process that speaks with Ray is gone: {self._gone}")
        return message


def _ender(process: SpokenWith, folder: Path) -> Callable[[], None]:
    def end() -> None:
        process.end(patience_s=15)
        shutil.rmtree(folder, ignore_errors=True)

    return end


def _same_packages(described: Described) -> None:
    """What is kept is kept for the packages of this machine."""
    here = {"pytest-detgate": __version__, **installed_versions(described.versions)}
    there = {"pytest-detgate": described.gate, **described.versions}
    differ = [
        f"{name} {here[name] or 'none'} here and {version or 'none'} there"
        for name, version in there.items()
        if here[name] != version
    ]
    if differ:
        raise DetectorError(
            "the workers of Ray have other packages than this machine, which must have the same: "
            + ", ".join(differ)
        )
