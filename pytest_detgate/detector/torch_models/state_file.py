"""The state dictionary in a file that a training script of torchvision wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.detector.torch_file.reading import load_as_data, load_trusted
from pytest_detgate.errors import DetectorError

# Where training scripts put the weights; the first is that of torchvision's own.
_WEIGHTS = ("model", "state_dict", "model_state_dict")
_WRAPPED = "module."


def read_state(path: Path, *, trust: bool) -> tuple[Mapping[str, torch.Tensor], int | None]:
    """Return the state dictionary in a file, and the number of the epoch if it has one."""
    content = load_trusted(path) if trust else load_as_data(path)
    if not isinstance(content, Mapping):
        raise DetectorError(
            f"{path}: it holds a {type(content).__name__}, not weights: save model.state_dict()"
        )
    holders = [content, *(content.get(name) for name in _WEIGHTS)]
    for holder in holders:
        if isinstance(holder, Mapping) and _are_weights(holder):
            epoch = content.get("epoch")
            # torchvision's script counts from 0.
            number = epoch + 1 if type(epoch) is int and holder is not content else None
            return {_unwrapped(name): value for name, value in holder.items()}, number
    names = first_names(map(str, content), 5) or "nothing"
    raise DetectorError(
        f"{path}: no weights of torchvision: expected a state dictionary, or one under "
        f"{', '.join(_WEIGHTS)}; it holds {names}"
    )


def _are_weights(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )


def _unwrapped(name: str) -> str:
    """Return a name without the prefix that training on several GPUs adds."""
    return name.removeprefix(_WRAPPED)
