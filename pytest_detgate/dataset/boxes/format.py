"""Which form the boxes of a file are written in, judged by all of them together.

COCO boxes are `[x, y, width, height]` in pixels. Other forms are four numbers, too, and fit the
image less well when they are read that way, and better when they are read as what they are.
One odd box is no sign of anything; a form is believed only where the boxes that speak for it
outnumber those that speak against it by far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Form = Literal["corners", "centres", "shares", "shares, corners", "shares, centres"]

_FOR_ONE_AGAINST = 20
_ENOUGH = 3
# A box may be drawn over the edge by a little: that says nothing about its form.
_SLACK_SHARE = 0.02
_SLACK_PIXELS = 1.0
_SAME_AREA = 0.01
_LARGER_SHARE = 1.01
_LARGER_PIXELS = 1.0
_AT_ONCE = 1 << 14
_SAMPLE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class FormEvidence:
    """What the boxes of a file look like.

    `form` is what they seem to be where they are not COCO's: corners, centres, or shares of the
    image's size instead of pixels; None where nothing speaks for another form. `misread` (n,)
    bool are the boxes of that form, `area` (n,) bool further boxes whose stated area is larger
    than they are, or not above zero.
    """

    form: Form | None
    misread: Mask
    area: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Some boxes as columns, with the size of their image (NaN where it is not known)."""

    x: Numbers
    y: Numbers
    w: Numbers
    h: Numbers
    width: Numbers
    height: Numbers
    slack: float = _SLACK_PIXELS

    @property
    def usable(self) -> Mask:
        finite = np.isfinite(self.x + self.y + self.w + self.h)
        return np.asarray(finite & (self.w > 0) & (self.h > 0))

    def within(self, left: Numbers, top: Numbers, right: Numbers, bottom: Numbers) -> Mask:
        """Whether boxes with these edges are in their image, give or take."""
        slack_x = _SLACK_SHARE * self.width + self.slack
        slack_y = _SLACK_SHARE * self.height + self.slack
        return np.asarray(
            (left >= -slack_x)
            & (top >= -slack_y)
            & (right <= self.width + slack_x)
            & (bottom <= self.height + slack_y)
        )

    def fits_coco(self) -> Mask:
        return self.within(self.x, self.y, self.x + self.w, self.y + self.h)

    def are_corners(self) -> Mask:
        return np.asarray((self.w > self.x) & (self.h > self.y))

    def fits_corners(self) -> Mask:
        return self.are_corners() & self.within(self.x, self.y, self.w, self.h)

    def fits_centres(self) -> Mask:
        half_w, half_h = self.w / 2, self.h / 2
        return self.within(self.x - half_w, self.y - half_h, self.x + half_w, self.y + half_h)

    def shares(self) -> Mask:
        """Boxes of at most a pixel in the corner of an image that is larger than that."""
        top = 1 + 1e-6
        small = np.asarray((self.w <= top) & (self.h <= top))
        if not small.any():
            return small
        low = (self.x >= 0) & (self.y >= 0) & (self.x <= top) & (self.y <= top)
        picture = ~(self.width <= 2) & ~(self.height <= 2)
        return np.asarray(small & self.usable & low & picture)


def form_evidence(dataset: Dataset) -> FormEvidence:
    """Weigh all boxes of a file."""
    n = len(dataset.boxes)
    shares, area_wrong, odd = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        for rows, boxes in _parts(dataset):
            usable, area = boxes.usable, dataset.boxes.area[rows]
            shares[rows] = boxes.shares()
            sized = (boxes.width > 0) & (boxes.height > 0)
            odd[rows] = usable & sized & ~boxes.fits_coco()
            most = boxes.w * boxes.h * _LARGER_SHARE + _LARGER_PIXELS
            area_wrong[rows] = usable & ((area > most) | (area <= 0))
        form: Form | None = None
        misread = shares
        if np.count_nonzero(shares) > n / 2:
            form = _form_of_shares(dataset, shares)
        else:
            # Whole numbers may be a box of one pixel, where most boxes are not like that.
            small = np.flatnonzero(shares)
            misread = np.zeros(n, dtype=np.bool_)
            misread[small] = (dataset.boxes.xywh[small] % 1 != 0).any(axis=1)
            odd &= ~shares
            if np.count_nonzero(odd) >= _ENOUGH or not _areas_are_of_boxes(dataset):
                form = _form_of_pixels(dataset, shares)
            if form is not None:
                for rows, boxes in _parts(dataset):
                    misread[rows] |= _of_form(boxes, form)
            elif misread.any():
                form = _form_of_shares(dataset, misread)
    return FormEvidence(form=form, misread=misread, area=area_wrong & ~misread)


def _areas_are_of_boxes(dataset: Dataset) -> bool:
    """Whether most areas, of boxes from all over the file, are those of their boxes: then they
    are not those of corners."""
    some = slice(None, None, max(1, len(dataset.boxes) // _SAMPLE))
    area, xywh = dataset.boxes.area[some], dataset.boxes.xywh[some]
    same = np.count_nonzero(_same(area, xywh[:, 2] * xywh[:, 3]))
    return bool(2 * same >= np.count_nonzero(area > 0))


def _parts(dataset: Dataset) -> Iterator[tuple[slice, _Boxes]]:
    """The boxes in pieces that stay in the cache: several times faster than whole columns."""
    # One row more for boxes without an image, which `UNLISTED` reaches.
    width, height = (
        np.append(side, np.nan) for side in (dataset.images.width, dataset.images.height)
    )
    for start in range(0, len(dataset.boxes), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        image = dataset.boxes.image[rows]
        x, y, w, h = np.ascontiguousarray(dataset.boxes.xywh[rows].T)
        yield rows, _Boxes(x, y, w, h, width[image], height[image])


def _form_of_pixels(dataset: Dataset, shares: Mask) -> Form | None:
    """The form, other than COCO's, that the boxes in pixels speak for."""
    for_corners = for_centres = against_corners = against_centres = 0
    with_area = corner_area = 0
    for rows, boxes in _parts(dataset):
        speak = boxes.usable & ~shares[rows]
        coco = boxes.fits_coco() & speak
        corners, centres = boxes.fits_corners() & speak, boxes.fits_centres() & speak
        for_corners += int(np.count_nonzero(corners & ~coco))
        against_corners += int(np.count_nonzero(coco & ~corners))
        for_centres += int(np.count_nonzero(centres & ~coco))
        against_centres += int(np.count_nonzero(coco & ~centres))
        area = dataset.boxes.area[rows]
        of_corners = _same(area, (boxes.w - boxes.x) * (boxes.h - boxes.y))
        of_box = _same(area, boxes.w * boxes.h)
        with_area += int(np.count_nonzero(speak & (area > 0)))
        corner_area += int(np.count_nonzero(speak & boxes.are_corners() & of_corners & ~of_box))
    # A mask's area may be that of the corners by chance, but not that of most of them.
    by_area = corner_area >= max(_ENOUGH, with_area / 2)
    if by_area or (_carried(for_corners, against_corners) and for_corners >= for_centres):
        return "corners"
    return "centres" if _carried(for_centres, against_centres) else None


def _form_of_shares(dataset: Dataset, shares: Mask) -> Form:
    """Which of the four numbers the boxes that are shares of their image seem to hold."""
    x, y, w, h = dataset.boxes.xywh[shares].T
    ones = np.ones(len(x))
    boxes = _Boxes(x, y, w, h, ones, ones, slack=0.0)
    coco, corners, centres = boxes.fits_coco(), boxes.fits_corners(), boxes.fits_centres()
    for_corners, for_centres = (int(np.count_nonzero(f & ~coco)) for f in (corners, centres))
    if _carried(for_corners, int(np.count_nonzero(coco & ~corners))) and for_corners >= for_centres:
        return "shares, corners"
    if _carried(for_centres, int(np.count_nonzero(coco & ~centres))):
        return "shares, centres"
    return "shares"


def _of_form(boxes: _Boxes, form: Form) -> Mask:
    """The boxes that can be read in this form; where the image has no size, by their own sides."""
    unsized = ~((boxes.width > 0) & (boxes.height > 0))
    if form == "corners":
        return np.asarray(boxes.usable & (boxes.fits_corners() | (unsized & boxes.are_corners())))
    return np.asarray(boxes.usable & (boxes.fits_centres() | unsized))


def _carried(agree: int, against: int) -> bool:
    return agree >= max(_ENOUGH, _FOR_ONE_AGAINST * against)


def _same(area: Numbers, product: Numbers) -> Mask:
    return np.asarray(np.abs(area - product) <= _SAME_AREA * np.abs(product))
