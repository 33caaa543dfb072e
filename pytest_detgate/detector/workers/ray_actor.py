"""A worker of the Ray engine, as Ray starts it on some machine of its cluster.

All that goes in and out are bytes that we made: Ray has nothing to unpickle but them.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_detgate.detector.dependencies.made_model import project_folder
from pytest_detgate.detector.workers import messages as wire
from pytest_detgate.detector.workers.worker import Worker
from pytest_detgate.errors import DetectorError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_PREFIX = "detgate-worker-"
_LOCK = "in-use.lock"


class RayWorker:
    """An actor, with a private folder on its machine."""

    def __init__(self) -> None:
        remove_left_behind()
        self._folder, self._lock = private_folder()
        self._root = str(self._folder)
        """What the folder is called on the machine of the gate."""
        # Forking is not safe beside the threads that Ray has in an actor.
        self._worker = Worker(forks=False, folder=self._folder)

    def load(self, order: bytes, parcel: bytes | None) -> bytes:
        """Load the model of an `Order`, from the files of a parcel if there is one."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        message = wire.decode(order)
        assert isinstance(message, wire.Order)
        here = str(self._folder)
        root = here
        if parcel is not None:
            from pytest_detgate.detector.workers.model_bundle import unpack

            try:
                source, root = unpack(parcel, self._folder, message.source)
            except (OSError, DetectorError) as error:
                return wire.encode(wire.Failed(error=f"a worker cannot keep the model: {error}"))
            project = str(project_folder(message.source))
            message = msgspec.structs.replace(message, source=source, project=project)
            self._root = root
        answer = self._worker.handle(message)
        # What is said of the files names them as they are called where they come from.
        if isinstance(answer, wire.Failed):
            said = answer.error.replace(here, root)
            answer = wire.Failed(error=f"{said} ({_where(message, is_sent=parcel is not None)})")
        if isinstance(answer, wire.Described):
            moved = answer.dependencies.moved(here, root)
            answer = msgspec.structs.replace(answer, dependencies=moved)
        return wire.encode(answer)

    def look(self, batch: bytes) -> bytes:
        """Look at the images of a `Batch`."""
        answers = self._worker.handle(wire.decode(batch))
        if isinstance(answers, wire.Answers):
            answers = wire.moved(answers, str(self._folder), self._root)
        return wire.encode(answers)

    def leave(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()


def _where(order: wire.Order, *, is_sent: bool) -> str:
    """Which machine says so, and what it can have of a project whose code says what it needs."""
    has = "what is installed there and the modules of the project that the entry imports"
    return f"so says a worker of Ray on {platform.node()}" + (
        f", which has {has}; with shared-files under [run] it reads all else by the same paths"
        if is_sent and order.source.framework == "python"
        else ""
    )


def private_folder() -> tuple[Path, BaseFileLock]:
    """A folder that only this user can read, and a lock that is held for as long as it is used."""
    from filelock import FileLock

    folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    return folder, lock


def remove_left_behind() -> None:
    """Remove the folders of workers that were killed: nobody holds their locks any more."""
    from filelock import FileLock

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Timeout is an OSError, and so is what somebody else's folder says.
        with contextlib.suppress(OSError):
            if (folder / _LOCK).is_file():
                with FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
