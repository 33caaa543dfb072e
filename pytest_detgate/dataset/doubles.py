"""Boxes that are drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, BoxTable

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DoubleBoxes:
    """Boxes that stand for one thing.

    `extra` (n,) are the rows that are too many: all but the first of each group of boxes that
    are joined by a pair, in order. `other` (n,) is a box of the same group that each of them
    doubles. `two_classes` (n,) bool says that those two are the same box with another class;
    `places` counts the places where a box has more than one class.
    """

    extra: Rows
    other: Rows
    two_classes: NDArray[np.bool_]
    places: int


def double_boxes(boxes: BoxTable, iou: float) -> DoubleBoxes:
    """Find pairs in one image: of one class with that IoU or more, or the very same box with two
    classes. Crowd regions, boxes without area and annotations of what is not listed are left out.
    """
    pairs = list(_pairs(boxes, iou))
    first, second = (np.concatenate([pair[at] for pair in pairs]) for at in (0, 1))
    first, second = np.minimum(first, second), np.maximum(first, second)
    two_classes = boxes.category[first] != boxes.category[second]
    nodes, group = _groups(first, second)
    extra = nodes[group != np.arange(len(nodes))]
    # For each row that is too many, some pair that it is in: the one with the earliest partner.
    ends = np.concatenate([second, first])
    partners = np.concatenate([first, second])
    order = np.lexsort((partners, ends))
    place = order[np.searchsorted(ends[order], extra)]
    at_places, place_group = _groups(first[two_classes], second[two_classes])
    return DoubleBoxes(
        extra=extra,
        other=partners[place],
        two_classes=boxes.category[extra] != boxes.category[partners[place]],
        places=int(np.count_nonzero(place_group == np.arange(len(at_places)))),
    )


def _pairs(boxes: BoxTable, iou: float) -> Iterator[tuple[Rows, Rows]]:
    """Rows of the boxes of each pair.

    Boxes of an image are compared in the order of their left edges, each with those that follow,
    until one begins too far to the right: two boxes of widths w, w' and that IoU begin at most
    (1 - IoU) / IoU × w apart.
    """
    yield np.empty(0, np.int64), np.empty(0, np.int64)
    x, width = boxes.xywh[:, 0], boxes.xywh[:, 2]
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(boxes.xywh.sum(axis=1))
        usable = finite & (width > 0) & (boxes.xywh[:, 3] > 0) & ~boxes.crowd
    usable &= (boxes.image != UNLISTED) & (boxes.category != UNLISTED)
    row = np.flatnonzero(usable)
    if len(row) < 2:
        return
    order, blur = _by_image_and_x(boxes.image[row], x[row])
    row = row[order]
    image, category, xywh = boxes.image[row], boxes.category[row], boxes.xywh[row]
    x, reach = xywh[:, 0], xywh[:, 2] * ((1 - iou) / iou) + blur
    at = np.flatnonzero((image[1:] == image[:-1]) & (x[1:] - x[:-1] <= reach[:-1]))
    step = 1
    while len(at):
        to = at + step
        same_class = category[at] == category[to]
        same_box = (xywh[at] == xywh[to]).all(axis=1)
        double = np.where(same_class, _iou(xywh[at], xywh[to]) >= iou, same_box)
        yield row[at[double]], row[to[double]]
        # A box that comes again, class and all, has the later one look further in its place: many
        # copies of one box would else be compared each with each.
        at = at[~(same_class & same_box)]
        step += 1
        at = at[at + step < len(row)]
        at = at[(image[at + step] == image[at]) & (x[at + step] - x[at] <= reach[at])]


def _by_image_and_x(image: Rows, x: NDArray[np.float64]) -> tuple[Rows, float]:
    """The order by image and then by x, and by how much x may be out of order in it."""
    low, span = float(x.min()), float(x.max() - x.min()) + 1
    # Both in one number sort many times faster than one after the other.
    key = image + (x - low) / span
    blur = 4 * span * float(np.spacing(key.max() + 1))
    if blur > 1e-3:
        return np.lexsort((x, image)), 0.0
    return np.argsort(key, kind="stable"), blur


def _iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) IoU of n pairs of boxes that have an area."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = first[:, 2] * first[:, 3] + second[:, 2] * second[:, 3] - shared
    return np.asarray(shared / union)


def _groups(first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """The rows that are in a pair, sorted, and for each the place of the first of its group."""
    nodes, ends = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = ends[: len(first)], ends[len(first) :]
    group = np.arange(len(nodes))
    while (group[a] != group[b]).any():
        low, high = np.minimum(group[a], group[b]), np.maximum(group[a], group[b])
        np.minimum.at(group, high, low)
        while (group != group[group]).any():
            group = group[group]
    return nodes, group
