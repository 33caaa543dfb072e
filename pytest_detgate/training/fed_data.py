"""Settings of a training configuration, and the data that its dataset feeds to the model.

A separate process builds the dataset (`fed_data_worker`), because the configuration is code of the
project; nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Literal

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.dataset.ids import Id
from pytest_detgate.detector.subprocesses import (
    PATIENCE_SECONDS,
    end_process,
    exit_reason,
    receive_messages,
    start_process,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.regular_file import read_regular
from pytest_detgate.temporary.folder import temporary_folder
from pytest_detgate.training.settings import TrainingSettings, settings_of
from pytest_detgate.training.view_origin import CachedView, ViewOrigin, resolved_values

Content = Literal["settings", "data"]
"""What the process reads from the configuration."""


class FedBox(msgspec.Struct, frozen=True, array_like=True):
    """A box as the dataset returns it: corners in pixels, class index, crowd or not."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: int
    ignored: bool


class FedImage(msgspec.Struct, frozen=True, array_like=True):
    """An image that the dataset returns, and how often in one epoch."""

    id: Id | float
    path: str
    times: int
    boxes: list[FedBox]


class FedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset without its wrappers: the settings that filter it, and the images it then feeds.

    `is_subset` says that `indices` selects a part of it. `refuses_empty` names the transform of its
    pipeline, if any, that replaces every image without boxes by another one.
    """

    annotations: str
    classes: list[str]
    filter_empty_gt: bool
    min_size: float
    is_subset: bool
    refuses_empty: str | None
    images: list[FedImage]


class FedData(msgspec.Struct, frozen=True, kw_only=True):
    """The data that the training dataset feeds, and the sampler that draws from it."""

    parts: list[FedPart]
    sampler: str


class BuiltData(msgspec.Struct, frozen=True, kw_only=True):
    """What the process writes: the data, and what they were built from if that is known."""

    data: FedData
    origin: ViewOrigin | None = None


class FedDataMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the process that reads the configuration: an error, or that it is done."""

    error: str | None = None
    done: bool = False


def read_training_settings(config: Path) -> TrainingSettings:
    """Read the settings of a configuration file; one that is more than values is run in a separate
    process."""
    values = resolved_values(config) if config.is_file() else None
    if values is not None:
        return settings_of(values, str(config))
    content = _read_in_process(config, "settings", NoProgress())
    return msgspec.msgpack.decode(content, type=TrainingSettings)


def read_fed_data(config: Path, progress: Progress, cache_dir: Path | None = None) -> FedData:
    """Return what the training dataset of a configuration file feeds: from the cache in that
    folder, else by building it in a separate process.

    A failure of that process is a `DetectorError`.
    """
    if not config.is_file():
        raise DetectorError(_missing(config))
    cached = None if cache_dir is None else CachedView(config, Cache(cache_dir / CACHE_FILE))
    data = None if cached is None else cached.load()
    if data is not None:
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(data, type=FedData)
    started = time.time_ns()
    built = msgspec.msgpack.decode(_read_in_process(config, "data", progress), type=BuiltData)
    if cached is not None and built.origin is not None:
        files = [part.annotations for part in built.data.parts]
        content = msgspec.msgpack.encode(built.data)
        cached.add(content, built.origin, files, built_after_ns=started)
    return built.data


def _missing(config: Path) -> str:
    return f"{config}: there is no such configuration file to train with"


def _read_in_process(config: Path, content: Content, progress: Progress) -> bytes:
    if not config.is_file():
        raise DetectorError(_missing(config))
    with temporary_folder("data") as folder:
        result, log_path = Path(folder, "result"), Path(folder, "log")
        arguments = [str(config.absolute()), content, str(result)]
        error, done = None, False
        with (
            log_path.open("wb") as log,
            progress.task("building the training dataset", 1, "datasets"),
            start_process(
                "pytest_detgate.training.fed_data_worker", arguments, device="cpu", log=log
            ) as process,
        ):
            try:
                for message in receive_messages(process, FedDataMessage):
                    error, done = message.error or error, message.done or done
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_SECONDS)
            finally:  # also when interrupted
                end_process(process)
        if not done:
            reason = error or f"{config}: {exit_reason(process.returncode, log_path)}"
            raise DetectorError(reason)
        return read_regular(result)
