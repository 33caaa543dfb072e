"""Checkpoints that a training configuration starts from, read as data.

MMEngine reads them as weights only, but allows `getattr`, and falls back to running code that is
stored in them. When it resumes a checkpoint, it runs the configuration stored in it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from pytest_detgate.detector.torch_file.reading import load_as_data

# Packages that call torch.load for `load_from`, `init_cfg` and the like. Calls of the project's own
# code are not restricted.
_LOADERS = ("mmengine", "mmdet", "mmcv")
_HUB = "torch.hub"


def read_checkpoints_as_data() -> None:
    """Make MMEngine, and packages that load for it, read checkpoints as data in this process.

    A checkpoint that needs more raises a `DetectorError`.
    """
    import torch

    really = torch.load

    def load(f: Any, map_location: Any = None, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller != _HUB and caller.partition(".")[0] not in _LOADERS:
            return really(f, map_location, *args, **options)
        content = load_as_data(f, device=_device(map_location))
        if isinstance(content, dict):
            _remove_instructions(content)
        return content

    torch.load = load


def _device(map_location: Any) -> Any:
    """Return where tensors go; the CPU for a rule of how to move them, or for none.

    MMEngine copies weights to where its model is.
    """
    import torch

    return map_location if isinstance(map_location, (str, torch.device)) else "cpu"


def _remove_instructions(content: dict[Any, Any]) -> None:
    """Remove what MMEngine would act on when it resumes: a configuration, which it runs, and the
    names of older checkpoints, which it deletes, folders included."""
    meta = content.get("meta")
    if isinstance(meta, dict):
        meta.pop("config", None)
    hub = content.get("message_hub")
    if isinstance(hub, dict) and isinstance(known := hub.get("runtime_info"), dict):
        numbers = (bool, int, float, np.generic)
        hub["runtime_info"] = {
            key: values for key, values in known.items() if isinstance(values, numbers)
        }
