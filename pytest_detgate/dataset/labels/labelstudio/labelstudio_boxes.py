"""Tasks of Label Studio with one annotation of upright boxes, as nearly all are, without a look at
each number by itself."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.labels.box_columns import PlainBoxReader
from pytest_detgate.dataset.labels.labelstudio.labelstudio_images import has_several_images
from pytest_detgate.dataset.text.exact_objects import exact_struct, has_no_more_keys

_MOST_FORMS = 8
"""Sets of keys that the tasks of a file may have before the rest is read the long way."""
_OF_VALUE: dict[str, Any] = {
    "x": float,
    "y": float,
    "width": float,
    "height": float,
    "rotation": float,
    "rectanglelabels": tuple[str],
}
_OF_RESULT: dict[str, Any] = {
    "type": Literal["rectanglelabels"],
    "original_width": float,
    "original_height": float,
    "image_rotation": float,
}
_NEEDED_OF_VALUE = _OF_VALUE.keys() - {"rotation"}
_NEEDED_OF_RESULT = _OF_RESULT.keys() - {"image_rotation"}
_NOT_PLAIN = {"points", "radiusX"}
_decode_task = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


_COLUMNS = 6
_AT_ONCE = 4096
"""Boxes whose numbers are objects at the same time."""
_sides = attrgetter("x", "y", "width", "height")
_size = attrgetter("original_width", "original_height")

PlainTask = tuple[Any, dict[str, Any], tuple[float, float] | None, int, int]
"""What a task says: its number, its data, the width and height of the image, the row at which its
boxes begin, and how many there are."""


class PlainTasks(PlainBoxReader):
    """Decodes tasks whose objects have the keys of an earlier task, each key once, and collects the
    boxes of all."""

    def __init__(self) -> None:
        super().__init__()
        self._forms: dict[tuple[frozenset[str], ...], _Form] = {}
        self._numbers: list[float] = []

    def read(self, content: msgspec.Raw) -> PlainTask | None:
        """Return what a task says; None where it is anything but boxes with one class, or may hold
        a key twice."""
        for form in self._forms.values():
            try:
                task = form.decode(content)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                continue
            break
        else:
            return None
        if len(task.annotations) != 1 or (len(task.data) > 1 and has_several_images(task.data)):
            return None
        annotation = task.annotations[0]
        results = annotation.result
        values = [result.value for result in results]
        n_keys = form.keys_outside + len(task.data) + form.keys_of_box * len(results)
        if not has_no_more_keys(bytes(content), n_keys) or form.is_odd(annotation, results, values):
            return None
        sizes = [*map(_size, results)]
        if not all(map(all, set(sizes))):
            return None
        category = self._class_numbers([value.rectanglelabels[0] for value in values])
        if category is None:
            return None
        start = len(self._category)
        self._category += category
        own = self._numbers
        for sides, size in zip(map(_sides, values), sizes, strict=True):
            own += sides
            own += size
        if len(own) > _AT_ONCE * _COLUMNS:
            self._frame()
        last = sizes[-1] if sizes else None
        return getattr(task, "id", None), task.data, last, start, len(category)

    def _frame(self) -> None:
        self._frames.append(_frames(self._numbers))
        self._numbers = []

    def learn(self, content: msgspec.Raw) -> None:
        """Take the keys of a task for those of others, if it has boxes."""
        if len(self._forms) == _MOST_FORMS:
            return
        with contextlib.suppress(KeyError, IndexError, ValueError, RecursionError):
            task = _decode_task(content)
            annotation = _decode_list(task["annotations"])[0]
            result = _decode_list(annotation["result"])[0]
            value = _decode_task(result["value"])
            keys = tuple(map(frozenset, (task, annotation, result, value)))
            is_plain = value.keys() >= _NEEDED_OF_VALUE and result.keys() >= _NEEDED_OF_RESULT
            if is_plain and not value.keys() & _NOT_PLAIN:
                self._forms.setdefault(keys, _Form(*keys))


class _Form:
    """A decoder of tasks with just these keys, and how many there are, without those of `data`."""

    def __init__(
        self,
        task: frozenset[str],
        annotation: frozenset[str],
        result: frozenset[str],
        value: frozenset[str],
    ) -> None:
        self.keys_outside = len(task) + len(annotation)
        self.keys_of_box = len(result) + len(value)
        self._is_turned = "rotation" in value
        self._image_is_turned = "image_rotation" in result
        self._marks = [name for name in ("was_cancelled",) if name in annotation]
        of_result: Any = exact_struct(
            {**_OF_RESULT, "value": exact_struct(_OF_VALUE, value)}, result
        )
        of_annotation: Any = exact_struct(
            {"result": list[of_result], "was_cancelled": bool}, annotation
        )
        scalars = str | float | int | bool | None
        of_task = {"annotations": list[of_annotation], "data": dict[str, scalars], "id": Any}
        self.decode = msgspec.json.Decoder(exact_struct(of_task, task)).decode

    def is_odd(self, annotation: Any, results: Sequence[Any], values: Sequence[Any]) -> bool:
        """Whether the annotation does not count, or a box or the image is turned."""
        return bool(
            (self._marks and annotation.was_cancelled)
            or (self._is_turned and any(value.rotation for value in values))
            or (self._image_is_turned and any(result.image_rotation for result in results))
        )


def _frames(numbers: Sequence[float]) -> NDArray[np.float64]:
    """Return (n, 4) x, y, width and height in pixels of boxes in per cent of the width and height
    of their image, which are behind their own."""
    table = np.frombuffer(struct.pack(f"{len(numbers)}d", *numbers)).reshape(-1, _COLUMNS)
    # In the order of the long way, whose last digit is the same.
    return table[:, :4] * table[:, [4, 5, 4, 5]] / 100
