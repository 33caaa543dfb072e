"""What labels say of their images, one entry an image. The readers of formats make the entries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from pytest_detgate.dataset.labels.shape_boxes import Frame

Flag = Literal["occluded", "truncated", "ignore", "difficult"]
FLAGS: tuple[Flag, ...] = ("occluded", "truncated", "ignore", "difficult")
"""What formats say of a box besides its class. As image fields: the number of such boxes."""
_NUMBERS = [str(number) for number in range(1, 101)]


class ImageLabels(msgspec.Struct, gc=False):
    """What labels say of one image.

    `where` is where they are, `image` the path that they write, and `hints` other paths of it;
    `size` is its width and height, NaN where they do not say. `is_labelled` is False where the
    format names the image and nobody said what is on it. Boxes are columns: `classes`, `boxes`,
    `crowd`, and their places `ids`; boxes that are in `PlainBoxes` from the row `start` on have
    places alone. `areas` are to be left out, for all classes; `others` are the kind and class of
    shapes that have no box; `scores` counts the boxes that have a score.
    """

    where: str
    image: str
    hints: tuple[str, ...] = ()
    size: tuple[float, float] = (math.nan, math.nan)
    is_labelled: bool = True
    classes: list[str] = []
    boxes: list[Frame] = []
    crowd: list[bool] = []
    ids: list[str] = []
    start: int | None = None
    framed: list[str] = []
    areas: list[Frame] = []
    others: list[tuple[str, str | None]] = []
    scores: int = 0
    flags: dict[str, int] = {}
    fields: dict[str, Any] = {}

    def add(
        self, name: str, box: Frame, number: int, flags: Sequence[str] = (), *, crowd: bool = False
    ) -> None:
        """Add a box of the class `name`, which is the shape `number` of its image."""
        self.classes.append(name)
        self.boxes.append(box)
        self.crowd.append(crowd or "ignore" in flags)
        self.ids.append(str(number))
        for flag in flags:
            self.flags[flag] = self.flags.get(flag, 0) + 1


def is_set(value: object) -> bool:
    """Whether a flag is set, as tools write one: true, 1, "1", "true", "yes"."""
    if value is None or value is False:  # nearly always
        return False
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes")
    return bool(value)


def numbers_from_1(count: int) -> list[str]:
    """The places of the boxes of an image whose shapes are all boxes."""
    if count <= len(_NUMBERS):
        return _NUMBERS[:count]
    return [str(number) for number in range(1, count + 1)]


def plain_fields(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of an image whose values are text, numbers or truth values. Some write NaN where a
    table had no value."""
    return {
        name: value
        for name, value in (fields or {}).items()
        if isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    }
