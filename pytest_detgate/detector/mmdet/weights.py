"""Loading of the weights of a checkpoint into the built model."""

from __future__ import annotations

import torch

from pytest_detgate.detector.mmdet.checkpoint import Checkpoint
from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.detector.torch_file.weight_types import require_types
from pytest_detgate.errors import DetectorError


def load_weights(model: torch.nn.Module, checkpoint: Checkpoint, origin: str) -> None:
    """Load the weights of a checkpoint into a model; a `DetectorError` names those that do not fit.

    Weights that make a model detect nothing are refused, because a limit of false boxes would pass:
    NaN, infinity, and variances below zero, whose square root is NaN. `origin` is the file of the
    model's configuration.
    """
    state = dict(checkpoint.state_dict)
    if state and all(isinstance(name, str) and name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    require_types(model.state_dict(), state, checkpoint.path)
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except Exception as error:  # other shapes, or values that are not tensors
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise DetectorError(
            f"{checkpoint.path}: the weights do not fit the model of {origin}: "
            f"{' '.join(lines[1:4] or lines)}"
        ) from error
    if missing or unexpected:
        parts = [f"{len(missing)} missing ({first_names(missing)})"] if missing else []
        parts += [f"{len(unexpected)} unexpected ({first_names(unexpected)})"] if unexpected else []
        raise DetectorError(
            f"{checkpoint.path}: the weights do not fit the model of {origin}: {', '.join(parts)}"
        )
    loaded = model.state_dict()
    not_finite = [name for name, value in loaded.items() if not _is_finite(value)]
    if not_finite:
        raise DetectorError(
            f"{checkpoint.path}: {len(not_finite)} weights are not finite (NaN or infinite): "
            f"{first_names(not_finite)}"
        )
    negative = [
        name
        for name, value in loaded.items()
        if name.endswith("running_var") and bool((value < 0).any())
    ]
    if negative:
        raise DetectorError(
            f"{checkpoint.path}: {len(negative)} variances of batch norm are negative: "
            f"{first_names(negative)}"
        )


def _is_finite(value: torch.Tensor) -> bool:
    if not (value.is_floating_point() or value.is_complex()):
        return True
    return bool(torch.isfinite(value).all())
