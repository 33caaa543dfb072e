"""Whether two images of one thing have the same labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.counts import counted
from pytest_detgate.dataset.tables import UNLISTED, Dataset


@dataclass(frozen=True, slots=True, eq=False)
class ImageLabels:
    """What is on one image: the class (n,) and the box (n, 4) of each object, in shares of the
    image. `is_labelled` says that somebody looked at it, `is_sized` that its size is known."""

    category: NDArray[np.int64]
    shares: NDArray[np.float64]
    is_labelled: bool = True
    is_sized: bool = True


class LabelsByImage:
    """The labels of each image of a dataset, without crowd regions."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        boxes = dataset.boxes
        counted = np.flatnonzero(
            (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
        )
        self._rows = counted[np.argsort(boxes.image[counted], kind="stable")]
        self._image = boxes.image[self._rows]

    def of(self, image: int) -> ImageLabels:
        """The labels of an image, by its row."""
        start, end = np.searchsorted(self._image, [image, image + 1])
        rows = self._rows[start:end]
        images, boxes = self._dataset.images, self._dataset.boxes
        size = np.array([images.width[image], images.height[image]])
        is_sized = bool(np.isfinite(size).all() and (size > 0).all())
        unlabelled = images.unlabelled
        return ImageLabels(
            category=boxes.category[rows],
            shares=boxes.xywh[rows] / np.tile(size if is_sized else np.ones(2), 2),
            is_labelled=unlabelled is None or not unlabelled[image],
            is_sized=is_sized,
        )


def disagreement(own: ImageLabels, other: ImageLabels, iou: float) -> str | None:
    """Say how the labels of an image differ from those of another image of the same thing; None
    where they agree. Boxes agree one to one: same class, and at least that IoU."""
    if not own.is_labelled and not other.is_labelled:
        return None
    if own.is_labelled != other.is_labelled:
        with_file = own if own.is_labelled else other
        return (
            "one of them has no label file, the other one "
            f"{counted(len(with_file.category), 'box')}"
        )
    n_own, n_other = len(own.category), len(other.category)
    if n_own != n_other:
        return f"here {counted(n_own, 'box')}, there {n_other}"
    if sorted(own.category.tolist()) != sorted(other.category.tolist()):
        return f"{counted(n_own, 'box')} of other classes"
    differing = n_own - _matched(own, other, iou) if own.is_sized and other.is_sized else 0
    return f"{differing} of {counted(n_own, 'box')} elsewhere" if differing else None


def _matched(own: ImageLabels, other: ImageLabels, iou: float) -> int:
    """How many boxes match one to one."""
    from scipy.optimize import linear_sum_assignment

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        overlap = np.nan_to_num(geometry.iou(own.shares, other.shares))
    # A box without area has no IoU with anything, not even with itself.
    same_box = (own.shares[:, None] == other.shares[None]).all(axis=2)
    match = ((overlap >= iou) | same_box) & (own.category[:, None] == other.category[None])
    rows, columns = linear_sum_assignment(~match)
    return int(match[rows, columns].sum())
