"""What runs models of one kind; the gate knows three, and installed packages may add theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

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

    @abstractmethod
    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        """Load a model onto a device and describe it.

        `sha256` is that of the checkpoint, empty without one. `device` is as the user typed it:
        `auto`, `cpu`, `cuda` or `cuda:N`; `batch_size` None where nobody has said one. Raises
        `DetectorError` where the model cannot be had, a missing package included.
        """
