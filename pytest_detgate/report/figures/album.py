"""The pictures of one page: each embedded once however many figures show it, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.report.figures.closeups import Box
from pytest_detgate.report.figures.thumbnails import PictureFolders


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A picture as it stands in the page, under a name that figures refer to.

    `width` and `height` are those of the stored picture in pixels; `source` is a data URI.
    """

    name: str
    source: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """A picture for one figure: the name it is embedded under, or the problem with it.

    `size` is known where its header could be read; `closeups` are `(index of the box, square,
    data URI)`.
    """

    name: str | None
    size: tuple[int, int] | None
    problem: str
    closeups: tuple[tuple[int, Box, str], ...] = ()


class Album:
    """Hands out pictures until `megabytes` of the page are used up; `full` says that they are."""

    def __init__(self, folders: PictureFolders, megabytes: float) -> None:
        self.megabytes = megabytes
        self.embedded: list[Embedded] = []
        self.full = False
        self._folders = folders
        self._left = megabytes * 1e6
        self._prints: dict[tuple[str, str], Print] = {}

    def take(self, dataset: str, image: str, boxes: Sequence[Box] = ()) -> Print | None:
        """Give a picture, with close-ups of the first small boxes on it where it is shown for
        the first time; None where there is no room left for it."""
        known = self._prints.get((dataset, image))
        if known is not None:
            return known
        if self.full:
            return None
        picture = self._folders.picture(dataset, image, boxes)
        if picture.weight > self._left:
            self.full = True
            return None
        self._left -= picture.weight
        name = None
        if picture.source is not None and picture.size is not None:
            name = f"picture-{len(self.embedded) + 1}"
            width, height = picture.size
            self.embedded.append(
                Embedded(name=name, source=picture.source, width=width, height=height)
            )
        found = Print(name=name, size=picture.size, problem=picture.problem)
        self._prints[dataset, image] = found
        return Print(
            name=name, size=picture.size, problem=picture.problem, closeups=picture.closeups
        )
