"""Checkpoints read as data: nothing stored in them is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_detgate.detector.name_lists import first_names
from pytest_detgate.detector.torch_file.reading import load_as_data, load_trusted
from pytest_detgate.errors import DetectorError, nearest_file
from pytest_detgate.regular_file import require_regular


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights and the metadata stored with them."""

    path: Path
    state_dict: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def config_text(self) -> str | None:
        """The configuration the model was trained with, as MMEngine writes it."""
        text = self.meta.get("cfg")
        return text if isinstance(text, str) and text.strip() else None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names, if the checkpoint has them."""
        dataset = self.meta.get("dataset_meta")
        dataset = dataset if isinstance(dataset, Mapping) else {}
        # MMDetection 2 and early 3 wrote the upper-case name, the former outside of dataset_meta.
        for holder, name in ((dataset, "classes"), (dataset, "CLASSES"), (self.meta, "CLASSES")):
            if (names := class_names(holder.get(name))) is not None:
                return names
        return None

    @property
    def epoch(self) -> int | None:
        """Number of epochs that the model was trained for."""
        epoch = self.meta.get("epoch")
        return epoch if type(epoch) is int else None


def class_names(value: object) -> tuple[str, ...] | None:
    """Read class names as configurations and checkpoints write them; None if there are none."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    return None


def require_checkpoint(path: Path) -> None:
    """Raise unless the path is a file that can be a checkpoint."""
    if not path.exists():
        raise DetectorError(f"{path}: there is no such checkpoint{nearest_file(path)}")
    try:
        require_regular(path)
    except OSError as error:
        raise DetectorError(f"{path}: a checkpoint is a file: {error.strerror}") from None
    if path.stat().st_size == 0:
        raise DetectorError(f"{path}: the checkpoint is empty (0 bytes)")


def read_checkpoint(path: Path, *, trust: bool = False) -> Checkpoint:
    """Read a checkpoint of MMEngine, or a bare state dictionary, which has no metadata.

    One that needs to run code is refused, unless it is trusted.
    """
    require_checkpoint(path)
    content = load_trusted(path) if trust else load_as_data(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        meta = content.get("meta")
        return Checkpoint(path, content["state_dict"], meta if isinstance(meta, Mapping) else {})
    if isinstance(content, Mapping) and _are_weights(content):
        return Checkpoint(path, content, {})
    kind = f"a {type(content).__name__}"
    contents = _keys(content) if isinstance(content, Mapping) else kind
    raise DetectorError(f"{path}: not a checkpoint of MMEngine: no state_dict; it holds {contents}")


def _are_weights(content: Mapping[Any, Any]) -> bool:
    import torch

    return bool(content) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )


def _keys(content: Mapping[Any, Any]) -> str:
    return first_names(map(str, content), 5) or "nothing"
