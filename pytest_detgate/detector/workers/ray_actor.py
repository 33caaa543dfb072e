"""A worker of the Ray engine, an actor on some machine of the cluster.

Its methods take and return bytes that we have encoded, so that Ray unpickles nothing else.
"""

from __future__ import annotations

import os
import platform

import msgspec

from pytest_detgate.detector.dependencies.model_making import project_folder
from pytest_detgate.detector.workers.messages import (
    BatchDetected,
    Failed,
    LoadModel,
    ModelLoaded,
    decode,
    encode,
    rename_folder,
)
from pytest_detgate.detector.workers.model_bundle import unpack_model
from pytest_detgate.detector.workers.worker import Worker
from pytest_detgate.errors import DetectorError
from pytest_detgate.temporary.folder import TemporaryFolder


class RayActor:
    """A worker with a private folder on its machine."""

    def __init__(self) -> None:
        self._private = TemporaryFolder("worker")
        self._folder = self._private.path
        self._root = str(self._folder)
        """The folder on the machine of the gate that replaces the private one."""
        # Forking is not safe in an actor, where Ray runs threads.
        self._worker = Worker(forks=False, folder=self._folder)

    def load(self, request: bytes, bundle: bytes | None) -> bytes:
        """Handle `LoadModel`; with a bundle, the files of the model are taken from it."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        message = decode(request)
        assert isinstance(message, LoadModel)
        here = str(self._folder)
        root = here
        if bundle is not None:
            try:
                source, root = unpack_model(bundle, self._folder, message.source)
            except (OSError, DetectorError) as error:
                return encode(Failed(error=f"a worker cannot write the model: {error}"))
            project = str(project_folder(message.source))
            message = msgspec.structs.replace(message, source=source, project=project)
            self._root = root
        reply = self._worker.handle(message)
        # Files are named as on the machine that sent them.
        if isinstance(reply, Failed):
            error_there = reply.error.replace(here, root)
            machine = _machine(message, is_sent=bundle is not None)
            reply = Failed(error=f"{error_there} ({machine})")
        if isinstance(reply, ModelLoaded):
            dependencies = reply.dependencies.with_folder(here, root)
            reply = msgspec.structs.replace(reply, dependencies=dependencies)
        return encode(reply)

    def detect(self, batch: bytes) -> bytes:
        """Handle `DetectBatch`."""
        reply = self._worker.handle(decode(batch))
        if isinstance(reply, BatchDetected):
            reply = rename_folder(reply, str(self._folder), self._root)
        return encode(reply)

    def clean_up(self) -> None:
        """Remove the private folder."""
        self._private.remove()


def _machine(request: LoadModel, *, is_sent: bool) -> str:
    """Name the machine that reports an error, and the files that it has of a Python project."""
    machine = f"on a Ray worker on {platform.node()}"
    if not is_sent or request.source.framework != "python":
        return machine
    return (
        f"{machine}, which has the packages installed there and the project modules that the entry "
        "imports; with shared-files under [run] it reads other files at the same paths"
    )
