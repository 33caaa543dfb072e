"""Checkpoints that a training configuration starts from, read under the rules of the gate.

MMEngine reads them as weights only, but lets `getattr` through, and falls back to running what is
stored in them; of one that is resumed it runs a configuration that lies in it.
"""

from __future__ import annotations

import sys
from typing import Any

from pytest_detgate.detector.checkpoint import StandIn, load_as_data

# Whose calls of torch.load are for `load_from`, `init_cfg` and the like. What the project's own
# code reads is its own affair.
_LOADERS = ("mmengine", "mmdet", "mmcv")
_HUB = "torch.hub"
# MMEngine does without the histories of what was logged.
_HISTORIES = ("mmengine.logging.history_buffer.HistoryBuffer", "builtins.getattr", "builtins.slice")


def read_checkpoints_as_data() -> None:
    """From now on have MMEngine, and whoever it loads through, read checkpoints as data in this
    process; a `DetectorError` is raised where one needs more."""
    import torch

    really = torch.load
    allowed = _allowed()

    def load(f: Any, map_location: Any = None, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller != _HUB and caller.partition(".")[0] not in _LOADERS:
            return really(f, map_location, *args, **options)
        content = load_as_data(f, allowed, map_location=map_location)
        meta = content.get("meta") if isinstance(content, dict) else None
        if isinstance(meta, dict):
            meta.pop("config", None)  # which `resume` would run
        return content

    torch.load = load


def _allowed() -> list[Any]:
    import numpy as np

    # Scalars are kept among what training goes on with, and so have to be real.
    core = getattr(np, "_core", None) or np.core
    made = [
        (make, f"numpy.{place}.multiarray.{make.__name__}")
        for make in (core.multiarray._reconstruct, core.multiarray.scalar)
        for place in ("core", "_core")
    ]
    kinds = {type(np.dtype(code)) for code in np.typecodes["All"]}
    return [*((StandIn, name) for name in _HISTORIES), *made, np.ndarray, np.dtype, *kinds]
