"""The base class of frameworks, which run models; installed packages may add their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import msgspec

from pytest_detgate.detector.devices import visible_gpus
from pytest_detgate.detector.protocol import LoadedModel, ModelSource


class Framework(ABC):
    """Loads models of one kind. A package registers its class in the entry point group
    `detgate.detectors`; its module should import nothing heavy before `load` is called.

    `options` is the type of the table `[model.options]`, whose values `load` finds in
    `source.options`; without it any table is accepted.
    """

    options: ClassVar[type[msgspec.Struct] | None] = None
    takes_config: ClassVar[bool] = False
    """Whether it uses `[model] config`."""
    takes_precision: ClassVar[bool] = False
    """Whether it uses `[model] precision` and `compile`."""
    needs_checkpoint: ClassVar[bool] = True
    """Whether a model is a file; else the checkpoint may be omitted."""
    takes_every_gpu: ClassVar[bool] = False
    """Whether a model on device `auto` is loaded once for each GPU, with the name of that GPU.

    Else it is loaded once, on `auto`, unless `[run] workers` is larger.
    """

    @abstractmethod
    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        """Load a model onto a device and describe it.

        `sha256` is that of the checkpoint, empty without one. `device` is as the user typed it:
        `auto`, `cpu`, `cuda` or `cuda:N`; `batch_size` is None if it is not set. Raises
        `DetectorError` if the model cannot be loaded, also if a package is missing.
        """

    def checkpoint(self, path: Path) -> Path:
        """Return the file that identifies a model, if the user may name the folder around it."""
        return path

    def configured(self, source: ModelSource) -> str | None:
        """Return a digest of the configuration of a model as it is now.

        Empty text if the files of the model contain all of it. None if only loading the model can
        tell what it is made of; then every run loads it. Every run calls this method, so it should
        import nothing heavy.
        """
        return None

    def own_modules(self, source: ModelSource) -> tuple[str, ...]:
        """Return modules that count as code of the project wherever they are installed.

        The files that they read while a model is made are dependencies of it. The module of the
        framework always counts.
        """
        return ()

    def is_fresh(self, source: ModelSource) -> bool:
        """Return whether a model can be made in this process, else it is made in a new one.

        It cannot if the process has loaded the model's code before: a module may have a state by
        now that is not that of its files.
        """
        return True

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        """Return the files that another machine needs to load a model, without its checkpoint and
        configuration: `[run] engine = "ray"` sends them. Default: none."""
        return ()

    def gpu_count(self) -> int:
        """Return how many GPUs of this machine its models can use."""
        return visible_gpus()
