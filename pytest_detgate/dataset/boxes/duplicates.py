"""Boxes that are drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, BoxTable

Rows = NDArray[np.int64]

# Boxes looked at in one go: what is in the cache is several times faster to sort.
_AT_ONCE = 1 << 15
# Boxes on an image up to which all of them are compared with each other.
_FEW = 24


@dataclass(frozen=True, slots=True, eq=False)
class DoubleBoxes:
    """Boxes of one and the same object, by row.

    `extra` (n,) are those too many: all but the first of each group of boxes of one class that
    pairs join, in order; `other` (n,) is a box of the group that each of them pairs with.
    `contradicting` (m, 2) are two boxes with one place and two classes, for each such place.
    """

    extra: Rows
    other: Rows
    contradicting: Rows


@dataclass(frozen=True, slots=True)
class _Least:
    """The IoU from which on two boxes of one class, or of two classes, are one object; None
    where only the very same box of two classes does."""

    one_class: float
    two_classes: float | None = None

    @property
    def least(self) -> float:
        return min(self.one_class, self.two_classes or 1.0)


def double_boxes(boxes: BoxTable, iou: float, two_class_iou: float | None = None) -> DoubleBoxes:
    """Find pairs in one image: of one class with that IoU or more; of two classes with
    `two_class_iou` or more, without which only the very same box counts. Crowd regions, boxes
    without area and annotations of what is not listed are left out.
    """
    parts = list(_pairs(boxes, boxes.shapes, _Least(iou, two_class_iou)))
    pairs = np.sort(np.concatenate([np.stack(pair, axis=1) for pair in parts]), axis=1)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    two_classes = boxes.category[pairs[:, 0]] != boxes.category[pairs[:, 1]]
    same, contradicting = pairs[~two_classes], pairs[two_classes]
    nodes, group, _ = _groups(same)
    extra = nodes[group != np.arange(len(nodes))]
    # Of the pairs that a row too many is in, the one with the earliest partner.
    both_ways = np.concatenate([same, same[:, ::-1]])
    both_ways = both_ways[np.lexsort(both_ways.T)]
    partner = both_ways[np.searchsorted(both_ways[:, 1], extra), 0]
    _, group_of_box, ends = _groups(contradicting)
    _, first_pair = np.unique(group_of_box[ends[:, 0]], return_index=True)
    return DoubleBoxes(extra=extra, other=partner, contradicting=contradicting[np.sort(first_pair)])


def _pairs(boxes: BoxTable, xywh: NDArray[np.float64], iou: _Least) -> Iterator[tuple[Rows, Rows]]:
    """Rows of the boxes of each pair."""
    yield np.empty(0, np.int64), np.empty(0, np.int64)
    image = boxes.image
    order = None if (image[1:] >= image[:-1]).all() else np.argsort(image, kind="stable")
    start = 0
    while start < len(image):
        end = _end_of_image(image, order, min(start + _AT_ONCE, len(image)))
        if order is None:
            for first, second in _pairs_of_images(boxes, xywh, slice(start, end), iou):
                yield first + start, second + start
        else:
            rows = order[start:end]
            for first, second in _pairs_of_images(boxes, xywh, rows, iou):
                yield rows[first], rows[second]
        start = end


def _end_of_image(image: Rows, order: Rows | None, end: int) -> int:
    """Where the image before `end` ends, in the order by image."""
    last = image[end - 1] if order is None else image[order[end - 1]]
    return int(np.searchsorted(image, last, side="right", sorter=order))


def _pairs_of_images(
    boxes: BoxTable, shapes: NDArray[np.float64], rows: slice | Rows, iou: _Least
) -> Iterator[tuple[Rows, Rows]]:
    """The places in `rows` of the pairs of some images, which are there with all their boxes."""
    image, category, xywh = boxes.image[rows], boxes.category[rows], shapes[rows]
    with np.errstate(invalid="ignore", over="ignore"):
        usable = np.isfinite(xywh[:, 0] + xywh[:, 1] + xywh[:, 2] + xywh[:, 3])
    usable &= (xywh[:, 2] > 0) & (xywh[:, 3] > 0) & ~boxes.crowd[rows]
    usable &= (image != UNLISTED) & (category != UNLISTED)
    usable_rows = None
    if not usable.all():
        usable_rows = np.flatnonzero(usable)
        image, category, xywh = image[usable_rows], category[usable_rows], xywh[usable_rows]
    if len(image) < 2:
        return
    first = np.flatnonzero(np.r_[True, image[1:] != image[:-1]])
    most = int(np.diff(np.r_[first, len(image)]).max())
    search = _near_of_few if most <= _FEW else _near_of_many
    for left, right in search(image, xywh, category, iou.least):
        double = _double(xywh, category, left, right, iou)
        if double.any():
            left, right = left[double], right[double]
            yield (left, right) if usable_rows is None else (usable_rows[left], usable_rows[right])


def _double(
    xywh: NDArray[np.float64], category: Rows, first: Rows, second: Rows, iou: _Least
) -> NDArray[np.bool_]:
    same_class = category[first] == category[second]
    overlap = _iou(xywh[first], xywh[second])
    contradicts = (xywh[first] == xywh[second]).all(axis=1)
    if iou.two_classes is not None:
        contradicts |= overlap >= iou.two_classes
    return np.where(same_class, overlap >= iou.one_class, contradicts)


def _near_of_few(
    image: Rows, xywh: NDArray[np.float64], category: Rows, iou: float
) -> Iterator[tuple[Rows, Rows]]:
    """Pairs that may double each other, where no image has many boxes: each box is compared with
    all others. Boxes of widths w, w' with that IoU begin at most (1 - IoU) / IoU × w apart."""
    share = (1 - iou) / iou
    x, y = xywh[:, 0].copy(), xywh[:, 1]
    reach_x, reach_y = xywh[:, 2] * share, xywh[:, 3] * share
    for step in range(1, min(_FEW, len(x))):
        same_image = image[step:] == image[:-step]
        if not same_image.any():
            return
        first = np.flatnonzero(same_image & (np.abs(x[step:] - x[:-step]) <= reach_x[:-step]))
        first = first[np.abs(y[first + step] - y[first]) <= reach_y[first]]
        if len(first):
            yield first, first + step


def _near_of_many(
    image: Rows, xywh: NDArray[np.float64], category: Rows, iou: float
) -> Iterator[tuple[Rows, Rows]]:
    """The same for any number of boxes: in the order of their left edges each box is compared
    with those that follow, until one begins too far to the right."""
    order, blur = _by_image_and_x(image, xywh[:, 0])
    image, xywh, category = image[order], xywh[order], category[order]
    x, reach = xywh[:, 0].copy(), xywh[:, 2] * ((1 - iou) / iou) + blur
    rows: NDArray[np.int64] = np.arange(len(x))
    step = 0
    while True:
        step += 1
        rows = rows[rows + step < len(x)]
        rows = rows[(image[rows + step] == image[rows]) & (x[rows + step] - x[rows] <= reach[rows])]
        if not len(rows):
            return
        yield order[rows], order[rows + step]
        # A box that comes again, class and all, has the later one look further in its place: many
        # copies of one box would else be compared each with each.
        again = (category[rows] == category[rows + step]) & (xywh[rows] == xywh[rows + step]).all(
            axis=1
        )
        rows = rows[~again]


def _by_image_and_x(image: Rows, x: NDArray[np.float64]) -> tuple[Rows, float]:
    """The order by image and then by x, and by how much x may be out of order in it."""
    low, span = float(x.min()), float(x.max() - x.min()) + 1
    # Both in one number sort many times faster than one after the other.
    key = (image - image[0]) + (x - low) / span
    blur = 4 * span * float(np.spacing(np.abs(key).max() + 1))
    if not blur <= 1e-3:
        return np.lexsort((x, image)), 0.0
    return np.argsort(key, kind="stable"), blur


def _iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) IoU of n pairs of boxes that have an area."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    with np.errstate(invalid="ignore", over="ignore"):
        shared = np.clip(high - low, 0, None).prod(axis=1)
        union = first[:, 2] * first[:, 3] + second[:, 2] * second[:, 3] - shared
        return np.asarray(shared / union)


def _groups(pairs: Rows) -> tuple[Rows, Rows, Rows]:
    """The rows that are in a pair, sorted; for each the index of the first of its group; and the
    indices of the rows of each pair."""
    nodes, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    if not len(nodes):
        return nodes, nodes, ends
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = coo_matrix((np.ones(len(ends)), ends.T), shape=(len(nodes), len(nodes)))
    _, group = connected_components(edges, directed=False)
    _, first = np.unique(group, return_index=True)
    return nodes, first[group], ends
