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
    """Boxes that stand for one thing, by row.

    `extra` (n,) are those too many: all but the first of each group of boxes of one class that
    pairs join, in order; `other` (n,) is a box of the group that each of them pairs with.
    `contradicting` (m, 2) are two boxes with one place and two classes, for each such place.
    """

    extra: Rows
    other: Rows
    contradicting: Rows


def double_boxes(boxes: BoxTable, iou: float) -> DoubleBoxes:
    """Find pairs in one image: of one class with that IoU or more, or the very same box with two
    classes. Crowd regions, boxes without area and annotations of what is not listed are left out.
    """
    found = list(_pairs(boxes, iou))
    pairs = np.sort(np.concatenate([np.stack(pair, axis=1) for pair in found]), axis=1)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    two_classes = boxes.category[pairs[:, 0]] != boxes.category[pairs[:, 1]]
    same, contradicting = pairs[~two_classes], pairs[two_classes]
    nodes, group, _ = _groups(same)
    extra = nodes[group != np.arange(len(nodes))]
    # Of the pairs that a row too many is in, the one with the earliest partner.
    both_ways = np.concatenate([same, same[:, ::-1]])
    both_ways = both_ways[np.lexsort(both_ways.T)]
    partner = both_ways[np.searchsorted(both_ways[:, 1], extra), 0]
    _, place, ends = _groups(contradicting)
    _, first_pair = np.unique(place[ends[:, 0]], return_index=True)
    return DoubleBoxes(extra=extra, other=partner, contradicting=contradicting[np.sort(first_pair)])


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


def _groups(pairs: Rows) -> tuple[Rows, Rows, Rows]:
    """The rows that are in a pair, sorted; for each the place of the first of its group; and the
    places of the rows of each pair."""
    nodes, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    group = np.arange(len(nodes))
    while (group[ends[:, 0]] != group[ends[:, 1]]).any():
        ends_of = group[ends]
        np.minimum.at(group, ends_of.max(axis=1), ends_of.min(axis=1))
        while (group != group[group]).any():
            group = group[group]
    return nodes, group, ends
