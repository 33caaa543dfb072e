"""Checkpoints that a training configuration starts from, read under the rules of the gate.

MMEngine reads them as weights only, but lets `getattr` through, and falls back to running what is
stored in them; of one that is resumed it runs a configuration that lies in it.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from pytest_detgate.detector.mmdet.checkpoint import StandIn, load_as_data

# Whose calls of torch.load are for `load_from`, `init_cfg` and the like. What the project's own
# code reads is its own affair.
_LOADERS = ("mmengine", "mmdet", "mmcv")
_HUB = "torch.hub"
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
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
        if isinstance(content, dict):
            _without_orders(content)
        return content

    torch.load = load


def _without_orders(content: dict[Any, Any]) -> None:
    """Remove from what is resumed what MMEngine would act upon: a configuration, which it runs,
    and the names of older checkpoints, which it deletes, folders included."""
    meta = content.get("meta")
    if isinstance(meta, dict):
        meta.pop("config", None)
    hub = content.get("message_hub")
    if isinstance(hub, dict) and isinstance(known := hub.get("runtime_info"), dict):
        numbers = (bool, int, float, np.generic)
        hub["runtime_info"] = {key: one for key, one in known.items() if isinstance(one, numbers)}


class PlainDtype:
    """Stands for NumPy's `dtype` where a file makes one: numbers of one kind, nothing composed.

    NumPy's own would take any state, and then read and write where it says.
    """

    dtype: np.dtype[Any]

    def __new__(cls, code: object, *_: object) -> PlainDtype:
        made = super().__new__(cls)
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise TypeError(f"numbers of kind {code!r}")
        made.dtype = np.dtype(code)
        return made

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the order of bytes from what NumPy writes, and nothing else."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def _scalar(dtype: PlainDtype, content: bytes | str) -> Any:
    """A number of NumPy, from its bytes."""
    if isinstance(content, str):  # as pickles of protocol 2 have bytes
        content = content.encode("latin-1")
    if not isinstance(dtype, PlainDtype) or len(content) != dtype.dtype.itemsize:
        raise TypeError("a number that is none")
    return np.frombuffer(content, dtype.dtype)[0]


def _allowed() -> list[Any]:
    # Scalars are kept among what training goes on with, and so have to be real.
    made: list[Any] = [(StandIn, name) for name in _HISTORIES]
    for place in ("core", "_core"):
        made.append((_scalar, f"numpy.{place}.multiarray.scalar"))
        made.append((StandIn, f"numpy.{place}.multiarray._reconstruct"))
    return [*made, (StandIn, "numpy.ndarray"), (PlainDtype, "numpy.dtype")]
