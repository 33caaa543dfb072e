"""Two images side by side, and what they have to do with each other."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_detgate.evidence import Pair, Side
from pytest_detgate.report.figures.album import Album

# The shape of the frame of an image that is not there.
_BLANK = (640, 360)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFigure:
    """One of the two; `embedded` is None where it cannot be shown."""

    dataset: str
    image: str
    embedded: str | None
    problem: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigure:
    """A pair, and what it is a pair of."""

    sides: tuple[SideFigure, SideFigure]
    text: str


def pair_figure(pair: Pair, album: Album) -> PairFigure | None:
    """Lay out a pair; None where the album has no room for either image, and where neither
    can be shown."""
    left, right = _side(pair.one, album), _side(pair.other, album)
    if left is None or right is None or not (left.embedded or right.embedded):
        return None
    return PairFigure(sides=(left, right), text=pair.text)


def _side(side: Side, album: Album) -> SideFigure | None:
    image = album.take(side.dataset, side.image)
    if image is None:
        return None
    width, height = image.size or _BLANK
    return SideFigure(
        dataset=side.dataset,
        image=side.image,
        embedded=image.name,
        problem=image.problem,
        width=width,
        height=height,
    )
