"""What a training configuration says of the run, and what its data set really feeds the model.

The data set is built by a process of its own (`fed_data_worker`), as the configuration is code
of the project's; nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

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

Wanted = Literal["settings", "view"]


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says of chance: `seed` is None where a run draws one by itself."""

    seed: int | None
    deterministic: bool


class FedBox(msgspec.Struct, frozen=True, array_like=True):
    """A box as the data set gives it: corners in pixels, number of its class, crowd or not."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: int
    ignored: bool


class FedImage(msgspec.Struct, frozen=True, array_like=True):
    """An image that the data set gives, and how often in one epoch."""

    id: Id | float
    path: str
    times: int
    boxes: list[FedBox]


class FedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A data set without its wrappers: the settings that filter it, and what it then gives.

    `is_subset` says that `indices` took a part of it. `refuses_empty` names the transform of its
    pipeline, if any, that refuses every image without a box, in whose place another is drawn.
    """

    annotations: str
    classes: list[str]
    filter_empty_gt: bool
    min_size: float
    is_subset: bool
    refuses_empty: str | None
    images: list[FedImage]


class TrainingView(msgspec.Struct, frozen=True, kw_only=True):
    """What the training data set feeds, and the sampler that draws from it."""

    parts: list[FedPart]
    sampler: str


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the process that reads the configuration: why it failed, or that it is done."""

    error: str | None = None
    done: bool = False


def read_training_settings(config: Path) -> TrainingSettings:
    """Load a configuration file in a process of its own and say what it leaves to chance."""
    return msgspec.msgpack.decode(_answer(config, "settings", NoProgress()), type=TrainingSettings)


def read_training_view(config: Path, progress: Progress) -> TrainingView:
    """Build the training data set of a configuration file in a process of its own; whatever
    happens to that is a `DetectorError`."""
    return msgspec.msgpack.decode(_answer(config, "view", progress), type=TrainingView)


def _answer(config: Path, wanted: Wanted, progress: Progress) -> bytes:
    if not config.is_file():
        raise DetectorError(f"{config}: there is no such configuration file to train with")
    with tempfile.TemporaryDirectory(prefix="detgate-") as folder:
        answer, log_path = Path(folder, "answer"), Path(folder, "log")
        arguments = [str(config.absolute()), wanted, str(answer)]
        error, done = None, False
        with (
            log_path.open("wb") as log,
            progress.task("building the training data set", 1, "data sets"),
            start_process(
                "pytest_detgate.training.fed_data_worker", arguments, device="cpu", log=log
            ) as process,
        ):
            try:
                for message in receive_messages(process, Message):
                    error, done = message.error or error, message.done or done
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_SECONDS)
            finally:  # also when interrupted
                end_process(process)
        if not done:
            why = error or f"{config}: {exit_reason(process.returncode, log_path)}"
            raise DetectorError(why)
        return read_regular(answer)
