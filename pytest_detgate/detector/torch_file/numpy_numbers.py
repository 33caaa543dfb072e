"""NumPy's numbers in a file, and the bytes that they are made of."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pytest_detgate.detector.torch_file.refusals import UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import StandIn

_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class PlainDtype:
    """Replaces NumPy's `dtype` in a file: numbers of one kind, no compound types.

    NumPy's own accepts any state, which could then make it read and write anywhere in memory.
    """

    def __init__(self, code: str) -> None:
        self.dtype: np.dtype[Any] = np.dtype(code)

    def set_state(self, state: object) -> None:
        """Take the byte order from the state, and nothing else."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def make_dtype(code: object, *_: object) -> object:
    """Make the type of a number; other types are not needed."""
    if isinstance(code, str) and _PLAIN.fullmatch(code):
        return PlainDtype(code)
    return StandIn("numpy.dtype")


def make_scalar(kind: object, content: object) -> object:
    """Make a number from its bytes."""
    if isinstance(content, str):  # as pickles of protocol 2 have bytes
        content = make_bytes(content, "latin1")
    if not isinstance(kind, PlainDtype) or not isinstance(content, bytes):
        raise UnreadableError("a number of NumPy is none")
    if len(content) != kind.dtype.itemsize:
        raise UnreadableError("a number of NumPy has other bytes than its type")
    return np.frombuffer(content, kind.dtype)[0]


def make_bytes(text: object = "", encoding: object = "latin1") -> bytes:
    """Make bytes from text, as pickles of protocol 2 store them."""
    if isinstance(text, str) and encoding in ("latin1", "latin-1"):
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            pass
    raise UnreadableError("bytes are none")
