"""A worker of the Ray engine, as Ray starts it on some machine of its cluster.

All that goes in and out are bytes that we made: Ray has nothing to unpickle but them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from pytest_detgate.detector.engines import wire
from pytest_detgate.detector.engines.worker import Worker
from pytest_detgate.errors import DetectorError


class RayWorker:
    """An actor; its private folder goes with it."""

    def __init__(self) -> None:
        # Forking is not safe beside the threads that Ray has in an actor.
        self._worker = Worker(forks=False)
        self._folder = tempfile.TemporaryDirectory(prefix="detgate-model-")

    def load(self, order: bytes, parcel: bytes | None) -> bytes:
        """Load the model of an `Order`, from the files of a parcel if there is one."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        message = wire.decode(order)
        assert isinstance(message, wire.Order)
        here = str(Path(self._folder.name).resolve())
        root = here
        if parcel is not None:
            from pytest_detgate.detector.engines.parcel import unpack

            try:
                source, root = unpack(parcel, Path(here), message.source)
            except (OSError, DetectorError) as error:
                return wire.encode(wire.Failed(error=f"a worker cannot keep the model: {error}"))
            message = msgspec.structs.replace(message, source=source)
        answer = self._worker.handle(message)
        # What is said of the files names them as they are called where they come from.
        if isinstance(answer, wire.Failed):
            answer = wire.Failed(error=answer.error.replace(here, root))
        if isinstance(answer, wire.Described):
            files = tuple(file.replace(here, root, 1) for file in answer.files)
            answer = msgspec.structs.replace(answer, files=files)
        return wire.encode(answer)

    def look(self, batch: bytes) -> bytes:
        """Look at the images of a `Batch`."""
        return wire.encode(self._worker.handle(wire.decode(batch)))
