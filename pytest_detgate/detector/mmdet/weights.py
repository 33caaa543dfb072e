"""Loading of the weights of a checkpoint into the built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pytest_detgate.detector.mmdet.checkpoint import Checkpoint
from pytest_detgate.detector.name_lists import first_names
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
    _require_kinds(model.state_dict(), state, checkpoint)
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


def _require_kinds(
    built: Mapping[str, torch.Tensor], state: Mapping[str, Any], checkpoint: Checkpoint
) -> None:
    """Refuse tensors that torch would convert: -0.3 as int8 is 0, and so is 2j as a float."""
    wrong = [
        f"{name} ({_type(state[name])} for {_type(value)})"
        for name, value in built.items()
        if isinstance(state.get(name), torch.Tensor) and _kind(state[name]) != _kind(value)
    ]
    if wrong:
        raise DetectorError(
            f"{checkpoint.path}: {len(wrong)} weights are of another type than the model's: "
            f"{first_names(wrong)}"
        )


def _kind(value: torch.Tensor) -> str:
    if value.is_quantized:
        return "quantized"
    if value.is_floating_point():
        return "float"
    if value.is_complex():
        return "complex"
    return "bool" if value.dtype == torch.bool else "integer"


def _type(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _is_finite(value: torch.Tensor) -> bool:
    if not (value.is_floating_point() or value.is_complex()):
        return True
    return bool(torch.isfinite(value).all())
