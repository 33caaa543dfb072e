"""Boxes over an image: where each outline goes, and its tag where there is room for one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Box = tuple[float, float, float, float]
# Of the shown width: tags are set in a monospaced face, so that their width can be computed.
_FONT_SHARE = 1 / 36
_CHARACTER = 0.61
_PADDING = 0.3
_LINE = 1.35
# With more boxes than this on an image its tags give the class by its number in the caption.
WORDY = 5
# Boxes that stick out of the image are shown on a margin of at most this share of its size.
_MARGIN = 0.35
_NOTICEABLE = 0.02


class Boxed(Protocol):
    """What is drawn: a finding, or a box of a frame."""

    @property
    def box(self) -> Box | None: ...

    @property
    def label(self) -> str | None: ...

    @property
    def score(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A box's class and score, set in a small field beside the outline."""

    field: Box
    text: str
    text_x: float
    text_y: float
    text_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One box in pixels of the image."""

    box: Box
    tag: Tag | None


def extent(boxes: Sequence[Box]) -> tuple[float, float]:
    """Guess the size of an image that is not known from the boxes on it."""
    right = max((x + max(width, 0) for x, _, width, _ in boxes), default=0.0)
    bottom = max((y + max(height, 0) for _, y, _, height in boxes), default=0.0)
    width, height = max(right * 1.05, 64.0), max(bottom * 1.05, 64.0)
    return max(width, height / 3), max(height, width / 3)


def view_of(size: tuple[float, float], boxes: Sequence[Box]) -> Box:
    """Choose what to show: the image, and a margin where a box clearly sticks out of it."""
    width, height = size
    left = min((x for x, _, _, _ in boxes), default=0.0)
    top = min((y for _, y, _, _ in boxes), default=0.0)
    right = max((x + w for x, _, w, _ in boxes), default=0.0)
    bottom = max((y + h for _, y, _, h in boxes), default=0.0)
    before_x, after_x = _margin(-left, width), _margin(right - width, width)
    before_y, after_y = _margin(-top, height), _margin(bottom - height, height)
    return (-before_x, -before_y, width + before_x + after_x, height + before_y + after_y)


def _margin(beyond: float, side: float) -> float:
    return min(beyond * 1.1, side * _MARGIN) if beyond > side * _NOTICEABLE else 0.0


def font_size(view: Box) -> float:
    """Give the size of a tag's text in pixels of the image, about the same on every figure."""
    return max(view[2], view[3] * 0.75) * _FONT_SHARE


def numbers_of(labels: Iterable[str]) -> dict[str, int]:
    """Number the classes of an image from 1, in their order; none where there is only one."""
    several = list(dict.fromkeys(labels))
    return {label: number for number, label in enumerate(several, start=1) if len(several) > 1}


def outlines_of(
    boxes: Sequence[Boxed], view: Box, numbers: Mapping[str, int] | None = None
) -> list[Outline]:
    """Lay out all boxes of one image, tags first come first served."""
    drawn = [boxed for boxed in boxes if drawable(boxed)]
    return [
        Outline(box=upright(boxed.box), tag=tag)
        for boxed, tag in zip(drawn, tags_of(drawn, view, numbers=numbers), strict=True)
        if boxed.box is not None
    ]


def tags_of(
    boxes: Sequence[Boxed],
    view: Box,
    *,
    named: Sequence[bool] | None = None,
    numbers: Mapping[str, int] | None = None,
) -> list[Tag | None]:
    """Find a place for the tag of each box, first come first served; None where there is none.

    `named` says which tags give the class in full: all of them or, where there are many, none,
    if there are no numbers. The others give its number of `numbers`, which the caption lists.
    """
    size = font_size(view)
    taken: list[Box] = []
    tags = []
    for boxed, wordy in zip(boxes, named or [len(boxes) <= WORDY] * len(boxes), strict=True):
        tag = None
        if boxed.box is not None:
            texts = _texts(boxed, wordy, (numbers or {}).get(boxed.label or ""))
            tag = _tag(texts, boxed.box, size, view, taken)
        if tag is not None:
            taken.append(tag.field)
        tags.append(tag)
    return tags


def drawable(boxed: Boxed) -> bool:
    """Tell whether there is a box that can be drawn at all."""
    return boxed.box is not None and all(map(math.isfinite, boxed.box))


def upright(box: Box) -> Box:
    """Turn a box of negative size around: SVG draws nothing for one."""
    x, y, width, height = box
    return (min(x, x + width), min(y, y + height), abs(width), abs(height))


def _tag(texts: list[str], box: Box, size: float, view: Box, taken: list[Box]) -> Tag | None:
    for text in texts:
        text_width = len(text) * size * _CHARACTER
        width, height = text_width + 2 * _PADDING * size, _LINE * size
        for x, y in _tag_positions(upright(box), width, height, view):
            field = (x, y, width, height)
            if _within(field, view) and not any(_overlap(field, other) for other in taken):
                return Tag(
                    field=field,
                    text=text,
                    text_x=x + _PADDING * size,
                    text_y=y + size,
                    text_width=text_width,
                )
    return None


def _texts(boxed: Boxed, wordy: bool, number: int | None) -> list[str]:
    """Return what a tag may say, longest first; the class by its number where that is known."""
    score = "" if boxed.score is None else f"{boxed.score:.2f}"
    named = f"{boxed.label or ''} {score}".strip()
    short = [] if number is None else [f"{number}: {score}" if score else str(number), str(number)]
    longest = [named] if wordy or not (score or short) else []
    return [text for text in [*longest, *(short or [score])] if text]


def _tag_positions(
    box: Box, width: float, height: float, view: Box
) -> Iterator[tuple[float, float]]:
    """Give where a tag may go: above, below, then inside its box, shifted into view."""
    x, y, box_width, box_height = box
    furthest = view[0] + view[2] - width
    left = max(view[0], min(x, furthest))
    right = max(view[0], min(x + box_width - width, furthest))
    for edge in (y - height, y + box_height, y, y + box_height - height):
        yield left, edge
        yield right, edge


def _within(field: Box, view: Box) -> bool:
    return (
        field[0] >= view[0]
        and field[1] >= view[1]
        and field[0] + field[2] <= view[0] + view[2]
        and field[1] + field[3] <= view[1] + view[3]
    )


def _overlap(first: Box, second: Box) -> bool:
    return (
        first[0] < second[0] + second[2]
        and second[0] < first[0] + first[2]
        and first[1] < second[1] + second[3]
        and second[1] < first[1] + first[3]
    )
