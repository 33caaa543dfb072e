"""Every checkpoint of a training run beside the gated one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pytest_detgate.gaps import NotLookedAtError
from pytest_detgate.inputs.compared.other_models import OtherModels

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """One checkpoint of a sweep: its path as the report shows it, and what it says of the gate's
    data. `gated` marks the one that the run gates."""

    checkpoint: str
    gated: bool
    inputs: ModelInputs

    @property
    def number(self) -> int | None:
        """How many epochs it was trained for, where that is known; ask for detections first."""
        record = self.inputs.source.model_record()
        return None if record is None else record.epoch


def measure_sweep(
    gated: ModelInputs,
    others: OtherModels,
    requested: Sequence[str],
    pattern: str | None,
    measure: Callable[[Epoch], T],
) -> list[T]:
    """What `measure` says of every checkpoint of a sweep and of the gated one; see
    `Inputs.sweep`."""
    checkpoints = others.checkpoints(pattern)
    gated.detections(requested[0])  # which says why the gated model is not available
    own = gated.source.digest(requested[0])
    measured: dict[str | None, T] = {}
    for path in checkpoints:
        digest = others.sha256(path)
        if digest in measured:
            continue
        name = gated.project.relative(path)
        if digest == own:
            measured[digest] = measure(Epoch(name, True, gated))
        else:
            other = gated.with_model(others.of_epoch(path), requested)
            try:
                measured[digest] = measure(Epoch(name, False, other))
            except NotLookedAtError as error:
                raise NotLookedAtError(f"{name}: {error}") from None
            was_loaded = other.source.has_loaded_model
            del other
            if was_loaded:
                # The next model must not share its memory with one that refers to itself.
                gc.collect()
    if own not in measured:
        model = gated.source.model_record()
        name = "the gated result files" if model is None else model.checkpoint
        measured[own] = measure(Epoch(name, True, gated))
    return list(measured.values())
