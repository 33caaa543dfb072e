"""The images of one page: each embedded once however many figures show it, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.report.figures.closeups import Box
from pytest_detgate.report.figures.thumbnails import ImageFolders


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """An image as it is in the page, under a name that figures refer to.

    `width` and `height` are those of the stored image in pixels; `source` is a data URI.
    """

    name: str
    source: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenImage:
    """An image for one figure: the name it is embedded under, or the problem with it.

    `size` is known where its header could be read; `closeups` are `(index of the box, square,
    data URI)`.
    """

    name: str | None
    size: tuple[int, int] | None
    problem: str
    closeups: tuple[tuple[int, Box, str], ...] = ()


class Album:
    """Hands out images until `megabytes` of the page are used up; `full` says that they are."""

    def __init__(self, folders: ImageFolders, megabytes: float) -> None:
        self.megabytes = megabytes
        self.embedded: list[Embedded] = []
        self.full = False
        self._folders = folders
        self._left = megabytes * 1e6
        self._taken: dict[tuple[str, str], TakenImage] = {}

    def take(self, dataset: str, image: str, boxes: Sequence[Box] = ()) -> TakenImage | None:
        """Give an image, with close-ups of the first small boxes on it where it is shown for
        the first time; None where there is no room left for it."""
        known = self._taken.get((dataset, image))
        if known is not None:
            return known
        if self.full:
            return None
        thumbnail = self._folders.thumbnail(dataset, image, boxes)
        if thumbnail.weight > self._left:
            self.full = True
            return None
        self._left -= thumbnail.weight
        name = None
        if thumbnail.source is not None and thumbnail.size is not None:
            name = f"picture-{len(self.embedded) + 1}"
            width, height = thumbnail.size
            self.embedded.append(
                Embedded(name=name, source=thumbnail.source, width=width, height=height)
            )
        taken_image = TakenImage(name=name, size=thumbnail.size, problem=thumbnail.problem)
        self._taken[dataset, image] = taken_image
        return TakenImage(
            name=name, size=thumbnail.size, problem=thumbnail.problem, closeups=thumbnail.closeups
        )
