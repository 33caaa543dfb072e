"""Boxes that are drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, BoxTable

Rows = NDArray[np.int64]

# Boxes looked at in one go: what is in the cache is several times faster to sort.
_AT_ONCE = 1 << 14


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
    """Rows of the boxes of each pair."""
    yield np.empty(0, np.int64), np.empty(0, np.int64)
    image = boxes.image
    order = None if (image[1:] >= image[:-1]).all() else np.argsort(image, kind="stable")
    start = 0
    while start < len(image):
        end = _end_of_image(image, order, min(start + _AT_ONCE, len(image)))
        rows = np.arange(start, end) if order is None else order[start:end]
        yield from _pairs_of_images(boxes, rows, iou)
        start = end


def _end_of_image(image: Rows, order: Rows | None, end: int) -> int:
    """Where the image that stands before `end` ends, in the order by image."""
    if end == len(image):
        return end
    step = 64
    while True:
        part = slice(end - 1, end + step)
        here = image[part] if order is None else image[order[part]]
        other = np.flatnonzero(here != here[0])
        if len(other):
            return end - 1 + int(other[0])
        if end + step >= len(image):
            return len(image)
        step *= 2


def _pairs_of_images(boxes: BoxTable, row: Rows, iou: float) -> Iterator[tuple[Rows, Rows]]:
    """The pairs of some images with all their boxes.

    Boxes of an image are compared in the order of their left edges, each with those that follow,
    until one begins too far to the right: two boxes of widths w, w' and that IoU begin at most
    (1 - IoU) / IoU × w apart.
    """
    xywh = boxes.xywh[row]
    with np.errstate(invalid="ignore", over="ignore"):
        usable = np.isfinite(xywh[:, 0] + xywh[:, 1] + xywh[:, 2] + xywh[:, 3])
        usable &= (xywh[:, 2] > 0) & (xywh[:, 3] > 0) & ~boxes.crowd[row]
    usable &= (boxes.image[row] != UNLISTED) & (boxes.category[row] != UNLISTED)
    if not usable.all():
        row, xywh = row[usable], xywh[usable]
    if len(row) < 2:
        return
    order, blur = _by_image_and_x(boxes.image[row], xywh[:, 0])
    row, xywh = row[order], xywh[order]
    image, category = boxes.image[row], boxes.category[row]
    x = xywh[:, 0].copy()
    reach = xywh[:, 2] * ((1 - iou) / iou) + blur
    at = np.flatnonzero((image[1:] == image[:-1]) & (x[1:] - x[:-1] <= reach[:-1]))
    step = 1
    while len(at):
        to = at + step
        same_class = category[at] == category[to]
        same_box = (xywh[at] == xywh[to]).all(axis=1)
        double = np.where(same_class, _iou(xywh[at], xywh[to]) >= iou, same_box)
        if double.any():
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
    key = (image - image[0]) + (x - low) / span
    blur = 4 * span * float(np.spacing(np.abs(key).max() + 1))
    if not blur <= 1e-3:
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
