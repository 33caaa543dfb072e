"""Detections of one result file in its own words, before they are matched to a split or probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.errors import DataError

_ROUNDING = 0.001
"""What half precision may add to a score, and some more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedImages:
    """The images that a result file lists: ids and file names, (m,) each."""

    id: NDArray[Any]
    file_name: NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedClasses:
    """The classes that a result file lists: ids, (k,), and names."""

    id: NDArray[Any]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundRows:
    """The n detections of a result file.

    `image` (n,) is what each calls its image: an id, or a name where `file_name` (n,) gives one or
    `has_names` says so. `category` (n,) is a class id, or with `has_class_numbers` a number in the
    list of the detector's classes, from 0; `category_name` (n,) are names of classes, which come
    first. Boxes are `xywh` (n, 4) in pixels or in `shares` of
    their image. `images` and `classes` are what the file lists, `looked_at` names of images that it
    has a file for. `class_names` are names by number that are beside it. `kind` says what the file
    is ("is a bare list"), `origins` name each detection, where numbers do not.
    """

    path: Path
    sha256: str
    image: NDArray[Any]
    category: NDArray[Any]
    score: NDArray[np.float64]
    xywh: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None
    file_name: NDArray[np.object_] | None = None
    category_name: NDArray[np.object_] | None = None
    has_names: bool = False
    has_class_numbers: bool = False
    images: ListedImages | None = None
    classes: ListedClasses | None = None
    looked_at: NDArray[np.object_] | None = None
    class_names: tuple[str, ...] | None = None
    kind: str = "does not list its images"
    origins: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.score)

    def refuse_first(self, wrong: NDArray[np.bool_], say: Callable[[int], str]) -> None:
        """Raise `DataError` for the first detection that is wrong, with the number of others."""
        if not wrong.any():
            return
        row = int(np.flatnonzero(wrong)[0])
        more = int(np.count_nonzero(wrong)) - 1
        others = f" (and {counted(more, 'more detection')})" if more else ""
        where = f"detection {row}" if self.origins is None else self.origins[row]
        raise DataError(f"{self.path}: {where}: {say(row)}{others}")


def wrong_score(score: NDArray[np.float64], row: int) -> str:
    """Say that the score of a row is not between 0 and 1, and what the scores seem to be."""
    value = float(score[row])
    text = f"{value:g}"
    if 0 <= float(text) <= 1:
        text = repr(value)
    return f"score {text} is not between 0 and 1{_likely_unit(score)}"


def _likely_unit(score: NDArray[np.float64]) -> str:
    if (np.abs(score - 0.5) <= 0.5 + _ROUNDING).all():
        return "; they look like rounding errors: cut scores at 0 and 1"
    if (score < 0).any():
        return "; they look like logits: take their sigmoid"
    for most, what in ((100, "per cent"), (255, "bytes")):
        if 1 < score.max() <= most:
            return f"; they look like {what}: divide by {most}"
    return ""
