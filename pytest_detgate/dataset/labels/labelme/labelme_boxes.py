"""LabelMe files that hold upright boxes and nothing else, as nearly all do, without a Python object
for each number."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.labels.box_columns import PlainBoxReader
from pytest_detgate.dataset.text.exact_objects import Nothing, exact_struct, has_no_more_keys

_MOST_FORMS = 8
"""Sets of keys that files of one folder may have before the rest is read the long way."""


class _Point(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    x: float
    y: float


class _Corners(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Every number is a float, so that as MessagePack all corners take the same bytes."""

    first: _Point
    second: _Point


_CORNERS_ROW = np.dtype(
    {
        "names": ["x1", "y1", "x2", "y2"],
        "formats": [">f8"] * 4,
        # Behind a byte for each list and each number, which say what they are.
        "offsets": [3, 12, 22, 31],
        "itemsize": 39,
    }
)
_OF_SHAPE: dict[str, Any] = {
    "label": str,
    "points": _Corners,
    "shape_type": Literal["rectangle"],
    "flags": Nothing | None,
    "attributes": Nothing | None,
    "difficult": None,
    "score": None,
}
_OF_FILE: dict[str, Any] = {
    "imagePath": str,
    "imageWidth": float | None,
    "imageHeight": float | None,
    "imageData": str | None,
    "flags": Nothing | None,
}
_SIZE = frozenset({"imageWidth", "imageHeight"})
_NO = (math.nan, math.nan)
_NEEDED = frozenset({"label", "points", "shape_type"}), frozenset({"imagePath", "shapes"})
_AT_ONCE = 4096
"""Boxes whose corners are objects at the same time."""
_encode = msgspec.msgpack.Encoder().encode


PlainFile = tuple[str, tuple[float, float], int, int]
"""What a file says: the path of its image, the width and height of that, NaN where it does not say,
the row at which its boxes begin, and how many there are."""


class PlainFiles(PlainBoxReader):
    """Decodes files whose objects have the keys of an earlier file, each key once, and collects the
    boxes of all."""

    def __init__(self) -> None:
        super().__init__()
        self._forms: dict[tuple[frozenset[str], frozenset[str]], _Form] = {}
        self._corners: list[Any] = []

    def read(self, content: bytes) -> PlainFile | None:
        """Return what a file says; None where it holds anything but boxes with a class, or may hold
        a key twice."""
        for form in self._forms.values():
            try:
                file = form.decode(content)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                continue
            break
        else:
            return None
        shapes = file.shapes
        if not has_no_more_keys(content, form.keys + form.keys_of_shape * len(shapes)):
            return None
        image: str = file.imagePath
        if not image.strip():
            return None
        category = self._class_numbers([shape.label for shape in shapes])
        if category is None:
            return None
        start = len(self._category)
        self._category += category
        self._corners += [shape.points for shape in shapes]
        if len(self._corners) > _AT_ONCE:
            self._frame()
        size = (file.imageWidth or math.nan, file.imageHeight or math.nan) if form.has_size else _NO
        return image, size, start, len(category)

    def _frame(self) -> None:
        self._frames.append(frames_of_corners(self._corners))
        self._corners = []

    def learn(self, content: bytes) -> None:
        """Take the keys of a file for those of others, if it has boxes alone."""
        if len(self._forms) == _MOST_FORMS:
            return
        with contextlib.suppress(KeyError, ValueError, RecursionError):
            file = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
            shapes = msgspec.json.decode(file["shapes"], type=list[dict[str, msgspec.Raw]])
            keys, keys_of_shape = frozenset(file), frozenset(shapes[0] if shapes else ())
            is_plain = keys_of_shape >= _NEEDED[0] and keys >= _NEEDED[1]
            if is_plain:
                self._forms.setdefault((keys, keys_of_shape), _Form(keys, keys_of_shape))


class _Form:
    """A decoder of files with just these keys, and how many there are."""

    def __init__(self, keys: frozenset[str], keys_of_shape: frozenset[str]) -> None:
        self.keys, self.keys_of_shape = len(keys), len(keys_of_shape)
        self.has_size = keys >= _SIZE
        shape: Any = exact_struct(_OF_SHAPE, keys_of_shape)
        self.decode = msgspec.json.Decoder(
            exact_struct({**_OF_FILE, "shapes": list[shape]}, keys)
        ).decode


def frames_of_corners(corners: Sequence[Any]) -> NDArray[np.float64]:
    """Return (n, 4) x, y, width and height of the boxes of the corners of files."""
    packed = _encode(corners)
    header = len(packed) - len(corners) * _CORNERS_ROW.itemsize
    table = np.frombuffer(packed, _CORNERS_ROW, len(corners), header)
    x1, y1, x2, y2 = (table[name].astype(np.float64) for name in _CORNERS_ROW.names or ())
    left, top = np.minimum(x1, x2), np.minimum(y1, y2)
    return np.stack([left, top, np.maximum(x1, x2) - left, np.maximum(y1, y2) - top], axis=1)
