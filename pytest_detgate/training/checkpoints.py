"""Checkpoints that a training configuration starts from, read as data.

MMEngine reads them as weights only, but allows `getattr`, and falls back to running code that is
stored in them. When it resumes a checkpoint, it runs the configuration stored in it.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from pytest_detgate.detector.mmdet.checkpoint import StandIn, load_as_data

# Packages that call torch.load for `load_from`, `init_cfg` and the like. Calls of the project's own
# code are not restricted.
_LOADERS = ("mmengine", "mmdet", "mmcv")
_HUB = "torch.hub"
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
# MMEngine does not need the histories of logged values.
_HISTORIES = ("mmengine.logging.history_buffer.HistoryBuffer", "builtins.getattr", "builtins.slice")


def read_checkpoints_as_data() -> None:
    """Make MMEngine, and packages that load for it, read checkpoints as data in this process.

    A checkpoint that needs more raises a `DetectorError`.
    """
    import torch

    really = torch.load
    allowed = _allowed()

    def load(f: Any, map_location: Any = None, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller != _HUB and caller.partition(".")[0] not in _LOADERS:
            return really(f, map_location, *args, **options)
        content = load_as_data(f, allowed, map_location=map_location)
        if isinstance(content, dict):
            _remove_instructions(content)
        return content

    torch.load = load


def _remove_instructions(content: dict[Any, Any]) -> None:
    """Remove what MMEngine would act on when it resumes: a configuration, which it runs, and the
    names of older checkpoints, which it deletes, folders included."""
    meta = content.get("meta")
    if isinstance(meta, dict):
        meta.pop("config", None)
    hub = content.get("message_hub")
    if isinstance(hub, dict) and isinstance(known := hub.get("runtime_info"), dict):
        numbers = (bool, int, float, np.generic)
        hub["runtime_info"] = {key: one for key, one in known.items() if isinstance(one, numbers)}


class PlainDtype:
    """Replaces NumPy's `dtype` in a file: numbers of one kind, no compound types.

    NumPy's own accepts any state, which could then make it read and write anywhere in memory.
    """

    dtype: np.dtype[Any]

    def __new__(cls, code: object, *_: object) -> PlainDtype:
        made = super().__new__(cls)
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise TypeError(f"numbers of kind {code!r}")
        made.dtype = np.dtype(code)
        return made

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order from the state, and nothing else."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def _scalar(dtype: PlainDtype, content: bytes | str) -> Any:
    """Make a NumPy number from its bytes."""
    if isinstance(content, str):  # as pickles of protocol 2 have bytes
        content = content.encode("latin-1")
    if not isinstance(dtype, PlainDtype) or len(content) != dtype.dtype.itemsize:
        raise TypeError("not a number")
    return np.frombuffer(content, dtype.dtype)[0]


def _allowed() -> list[Any]:
    # Training continues with the scalars, so they must be real ones.
    made: list[Any] = [(StandIn, name) for name in _HISTORIES]
    for package in ("core", "_core"):
        made.append((_scalar, f"numpy.{package}.multiarray.scalar"))
        made.append((StandIn, f"numpy.{package}.multiarray._reconstruct"))
    return [*made, (StandIn, "numpy.ndarray"), (PlainDtype, "numpy.dtype")]
