"""What is in each split, counted so that splits that different processes read can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, counted_of, verb
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.evidence import Chart, Histogram, Mark

CLASSES_CAP = 30
"""Classes in a chart; all others are put together."""

# 1, 1.5, 2, 3, ... 4096: COCO's 32 and 96 pixels are among them.
SIZE_EDGES = (1.0, *(step * 2.0**power for power in range(1, 12) for step in (1, 1.5)), 4096.0)
COUNT_EDGES = (0, 1, 2, 3, 4, 5, 9, 17, 33, 65)
"""The fewest boxes of each bin of images by their boxes."""

# Boxes counted in one go: what stays in the cache is several times faster.
_AT_ONCE = 1 << 15
_SMALL, _LARGE = 32.0, 96.0


class SplitContents(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes of a split, crowd regions left out: how many each class has, how many fall
    between `SIZE_EDGES` by the square root of their area, and how many images have as many boxes
    as `COUNT_EDGES` say.

    The area is the file's own where it gives one, as COCO takes it, else that of the box. Boxes
    without area are in no bin; smaller or larger ones than the edges are in the first and last.
    """

    classes: dict[str, int]
    sizes: list[int]
    boxes_per_image: list[int]


def split_contents(dataset: Dataset) -> SplitContents:
    """Count what is in a split; annotations of what its file does not list are left out."""
    boxes = dataset.boxes
    counted = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    if counted.all():
        image, category, xywh, area = boxes.image, boxes.category, boxes.xywh, boxes.area
    else:
        rows = np.flatnonzero(counted)
        image, category = boxes.image[rows], boxes.category[rows]
        xywh, area = boxes.xywh[rows], boxes.area[rows]
    classes: Counter[str] = Counter()
    of_class = np.bincount(category, minlength=len(dataset.classes))
    for name, count in zip(dataset.classes, of_class.tolist(), strict=True):
        classes[name] += count
    per_image = np.bincount(image, minlength=len(dataset.images))
    if dataset.images.unlabelled is not None:
        per_image = per_image[~dataset.images.unlabelled | (per_image > 0)]
    return SplitContents(
        classes=dict(classes),
        sizes=_sizes(xywh, area),
        boxes_per_image=np.bincount(
            np.digitize(per_image, COUNT_EDGES[1:]), minlength=len(COUNT_EDGES)
        ).tolist(),
    )


def contents_charts(splits: Mapping[str, SplitContents]) -> list[Chart]:
    """Classes, box sizes and boxes per image of some splits beside each other."""
    charts: list[Chart] = []
    if any(any(contents.classes.values()) for contents in splits.values()):
        charts.append(_class_chart(splits))
    if any(any(contents.sizes) for contents in splits.values()):
        charts.append(_size_chart(splits))
    if any(any(contents.boxes_per_image) for contents in splits.values()):
        charts.append(_count_chart(splits))
    return charts


def count_labels() -> list[str]:
    """Names of the bins of `COUNT_EDGES`: `0`, `1`, `5-8`, `65 or more`."""
    return [
        *(
            f"{first}" if last == first + 1 else f"{first}-{last - 1}"
            for first, last in pairwise(COUNT_EDGES)
        ),
        f"{COUNT_EDGES[-1]} or more",
    ]


def _sizes(xywh: NDArray[np.float64], area: NDArray[np.float64]) -> list[int]:
    """How many areas lie between the squares of `SIZE_EDGES`."""
    edges = np.square(SIZE_EDGES[1:-1])
    counts = np.zeros(len(SIZE_EDGES) - 1, dtype=np.int64)
    for start in range(0, len(area), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        width, height = xywh[rows, 2], xywh[rows, 3]
        with np.errstate(invalid="ignore", over="ignore"):
            own = np.where((width > 0) & (height > 0), width * height, np.nan)
            areas = np.where(np.isnan(area[rows]), own, area[rows])
        areas = areas[np.isfinite(areas) & (areas > 0)]
        counts += np.bincount(np.digitize(areas, edges), minlength=len(counts))
    listed: list[int] = counts.tolist()
    return listed


def _class_chart(splits: Mapping[str, SplitContents]) -> Histogram:
    total: Counter[str] = Counter()
    for contents in splits.values():
        total.update(contents.classes)
    ranked = sorted(total, key=lambda name: -total[name])
    shown = ranked if len(ranked) <= CLASSES_CAP else ranked[: CLASSES_CAP - 1]
    others = ranked[len(shown) :]
    about = "The share of each class in the boxes of each split. " + _rarest(splits)
    if others:
        about += f" {counted(len(others), 'further class')}, rarer than these, "
        about += f"{verb(len(others), 'are')} put together."
    return Histogram(
        title="Boxes by class",
        about=about,
        label="class",
        names=[*shown, *([counted(len(others), "other")] if others else [])],
        counts={
            split: [
                *(contents.classes.get(name, 0) for name in shown),
                *([sum(contents.classes.get(name, 0) for name in others)] if others else []),
            ]
            for split, contents in splits.items()
        },
    )


def _rarest(splits: Mapping[str, SplitContents]) -> str:
    """What a reader should look at: classes that a split lacks, else the rarest one."""
    lacking = [
        (split, name)
        for split, contents in splits.items()
        for name, count in contents.classes.items()
        if not count
    ]
    if lacking:
        split, name = lacking[0]
        more = f", and {counted(len(lacking) - 1, 'more such case')}" if len(lacking) > 1 else ""
        return f"{split} has no box of {name}{more}: nothing can be learned or measured there."
    split, name, count = min(
        (
            (split, name, count)
            for split, contents in splits.items()
            for name, count in contents.classes.items()
        ),
        key=lambda item: item[2],
    )
    return f"The rarest: {name} in {split}, {counted_of(count, _total(splits[split]), 'box')}."


def _total(contents: SplitContents) -> int:
    return sum(contents.classes.values())


def _size_chart(splits: Mapping[str, SplitContents]) -> Histogram:
    small = ", ".join(
        f"{sum(contents.sizes[: SIZE_EDGES.index(_SMALL)]) / sum(contents.sizes):.1%} of {split}"
        for split, contents in splits.items()
        if any(contents.sizes)
    )
    together = np.sum([contents.sizes for contents in splits.values()], axis=0)
    filled = np.flatnonzero(together)
    first = min(int(filled[0]), SIZE_EDGES.index(_SMALL) - 1)
    end = max(int(filled[-1]), SIZE_EDGES.index(_LARGE)) + 1
    return Histogram(
        title="Box sizes",
        about="The square root of the area of the boxes. Boxes below 32 px, small for COCO: "
        f"{small}. A split whose sizes differ from those of training measures another task.",
        label="square root of the area, px",
        edges=list(SIZE_EDGES[first : end + 1]),
        counts={split: contents.sizes[first:end] for split, contents in splits.items()},
        marks=[Mark(label="small below", at=_SMALL), Mark(label="large above", at=_LARGE)],
        log_edges=True,
    )


def _count_chart(splits: Mapping[str, SplitContents]) -> Histogram:
    empty = ", ".join(
        f"{contents.boxes_per_image[0] / sum(contents.boxes_per_image):.1%} of {split}"
        for split, contents in splits.items()
        if any(contents.boxes_per_image)
    )
    counts = [contents.boxes_per_image for contents in splits.values()]
    end = max(
        (number + 1 for number, several in enumerate(zip(*counts, strict=True)) if any(several)),
        default=1,
    )
    return Histogram(
        title="Boxes per image",
        about=f"How many boxes the images of each split have. Images without a box: {empty}. A "
        "detector that sees no such image in training learns that there always is something.",
        label="boxes",
        names=count_labels()[:end],
        counts={split: contents.boxes_per_image[:end] for split, contents in splits.items()},
    )
