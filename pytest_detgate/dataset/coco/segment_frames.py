"""The upright boxes around segmentations of COCO files, for annotations that have no box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from pytest_detgate.dataset.labels.shape_boxes import Frame

# A mask of pycocotools writes five bits in each character, beginning at this one.
_FIRST, _BITS = 48, 5
_MORE, _SIGN, _VALUE = 0x20, 0x10, 0x1F
_LONGEST = 12
"""Characters of a number at most: 60 bits."""


def frame_of_segmentation(value: Any) -> Frame | None:
    """Return the frame of polygons or of a run-length encoded mask; None where it has none."""
    try:
        if isinstance(value, dict):
            return _frame_of_mask(value["counts"], int(value["size"][0]), int(value["size"][1]))
        if isinstance(value, list) and value:
            points = value if not isinstance(value[0], list) else list(chain.from_iterable(value))
            return _frame_of_polygon([float(number) for number in points])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        pass
    return None


def _frame_of_polygon(values: Sequence[float]) -> Frame | None:
    xs, ys = values[0::2], values[1::2]
    if not ys or len(xs) != len(ys):
        return None
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _frame_of_mask(counts: Any, height: int, width: int) -> Frame | None:
    """The frame of runs of background and object, column by column."""
    runs = list(_decoded(counts)) if isinstance(counts, str) else [int(run) for run in counts]
    if min(runs) < 0 or sum(runs) > height * width:
        return None
    left, top, right, bottom = width, height, -1, -1
    start = 0
    for number, run in enumerate(runs):
        end = start + run
        if number % 2 and run:
            first, last = start // height, (end - 1) // height
            left, right = min(left, first), max(right, last)
            top = 0 if first < last else min(top, start % height)
            bottom = height - 1 if first < last else max(bottom, (end - 1) % height)
        start = end
    if right < 0:
        return None
    return float(left), float(top), float(right - left + 1), float(bottom - top + 1)


def _decoded(text: str) -> Iterator[int]:
    """The runs of a mask as pycocotools compresses them: after the third, each is written as the
    difference to the one before the last."""
    runs: list[int] = []
    index = 0
    while index < len(text):
        value, shift, more = 0, 0, True
        while more:
            code = ord(text[index]) - _FIRST
            if not 0 <= code < 2 * _MORE or shift >= _LONGEST:
                raise ValueError(text)
            value |= (code & _VALUE) << (_BITS * shift)
            more = bool(code & _MORE)
            index, shift = index + 1, shift + 1
            if not more and code & _SIGN:
                value |= -1 << (_BITS * shift)
        if len(runs) > 2:
            value += runs[-2]
        runs.append(value)
    yield from runs
