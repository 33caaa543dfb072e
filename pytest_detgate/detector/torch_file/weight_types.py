"""The types of weights in a file, compared with those of the model that they are loaded into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pytest_detgate.counts import counted, verb
from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.errors import DetectorError


def require_types(
    built: Mapping[str, torch.Tensor], state: Mapping[str, Any], source: object
) -> None:
    """Refuse tensors that torch would convert: -0.3 as int8 is 0, and so is 2j as a float.

    `source` is the file.
    """
    wrong = [
        f"{name} ({_type(state[name])} for {_type(value)})"
        for name, value in built.items()
        if isinstance(state.get(name), torch.Tensor) and _kind(state[name]) != _kind(value)
    ]
    if wrong:
        n_wrong = len(wrong)
        raise DetectorError(
            f"{source}: {counted(n_wrong, 'weight')} {verb(n_wrong, 'are')} of another type than "
            f"the model's: {first_names(wrong)}"
        )


def load_same_types(
    model: torch.nn.Module, state: Mapping[str, torch.Tensor], source: object
) -> None:
    """Load the weights of the file `source` into a model that has each of them, in this size."""
    require_types(model.state_dict(), state, source)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:  # of a type that torch cannot convert
        what = " ".join(str(error).split())[:300]
        raise DetectorError(f"{source}: the weights do not fit the model: {what}") from error


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
