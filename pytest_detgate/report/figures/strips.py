"""Film strips: some frames of an alarm side by side, with the boxes that fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_detgate.evidence import Frame, Strip
from pytest_detgate.record.formatting import counted
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.counts import box_name
from pytest_detgate.report.figures.outlines import Box, drawable, extent, upright, view_of

FRAMES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StripBox:
    """One box on a frame of a strip."""

    box: Box
    kind: Literal["false", "match"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripFrame:
    """One frame of a strip; `embedded` is None where its boxes are on a blank frame."""

    text: str
    embedded: str | None
    problem: str
    width: float
    height: float
    view: Box
    boxes: list[StripBox]
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripFigure:
    """The frames of an alarm, and how it came about."""

    text: str
    frames: list[StripFrame]


def strip_figure(strip: Strip, album: Album) -> StripFigure | None:
    """Lay out a strip; None where the album has no room for all of its frames, and where none of
    them can be shown."""
    frames = []
    for frame in strip.frames[:FRAMES]:
        laid_out = _frame(frame, album)
        if laid_out is None:
            return None
        frames.append(laid_out)
    if not any(frame.embedded or frame.boxes for frame in frames):
        return None
    return StripFigure(text=strip.text, frames=frames)


def _frame(frame: Frame, album: Album) -> StripFrame | None:
    image = album.take(frame.dataset, frame.image)
    if image is None:
        return None
    boxes = [box for box in frame.boxes if drawable(box)]
    positions = [box.box for box in boxes]
    width, height = image.size or extent(positions)
    names = ", ".join(map(box_name, boxes[:3]))
    return StripFrame(
        text=frame.text,
        embedded=image.name,
        problem=image.problem,
        width=width,
        height=height,
        view=view_of((width, height), positions),
        boxes=[
            StripBox(box=upright(box.box), kind="false" if box.false else "match") for box in boxes
        ],
        alt=f"{frame.image}, {frame.text}: {names or counted(0, 'detection')}",
    )
