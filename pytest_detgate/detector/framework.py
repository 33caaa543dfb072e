"""What runs models of one kind; the gate knows three, and installed packages may add theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import msgspec

from pytest_detgate.detector.devices import visible_gpus
from pytest_detgate.detector.protocol import LoadedModel, ModelSource


class Framework(ABC):
    """Makes detectors. A package registers its own class under the entry point group
    `detgate.detectors`; its module should import nothing heavy before `load` is called.

    `options` types the table `[model.options]`, whose values `load` finds in `source.options`;
    without it any table is taken as it is.
    """

    options: ClassVar[type[msgspec.Struct] | None] = None
    takes_config: ClassVar[bool] = False
    """Whether `[model] config` means anything to it."""
    needs_checkpoint: ClassVar[bool] = True
    """Whether a model is a file; without one the checkpoint may be left out."""
    takes_every_gpu: ClassVar[bool] = False
    """Whether a model that is asked for on `auto` is run on every GPU, each asked for by its name.
    Else it is run once, on `auto`, unless `[run] workers` says more."""

    @abstractmethod
    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        """Load a model onto a device and describe it.

        `sha256` is that of the checkpoint, empty without one. `device` is as the user typed it:
        `auto`, `cpu`, `cuda` or `cuda:N`; `batch_size` None where nobody has said one. Raises
        `DetectorError` where the model cannot be had, a missing package included.
        """

    def configured(self, source: ModelSource) -> str | None:
        """A digest of the configuration of a model as it is now, or empty text where that says
        nothing which the files of the model do not; found out in every run, so without importing
        what is heavy. None: only loading the model tells what it is made of, and every run loads
        it."""
        return None

    def own_modules(self, source: ModelSource) -> tuple[str, ...]:
        """Modules that count as code of the project wherever they are installed: what they look
        at while a model is made is part of it. The framework's own module always does."""
        return ()

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """The files that a machine without the project's needs to load a model, beside its
        checkpoint and its configuration: `[run] engine = "ray"` sends them. None of them, unless
        a framework says more."""
        return ()

    def gpu_count(self) -> int:
        """How many GPUs of this machine its models can be run on."""
        return visible_gpus()
