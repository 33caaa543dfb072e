"""The features that splits are compared by: six, each on fixed bins with readable names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, verb
from pytest_detgate.dataset.contents import COUNT_EDGES
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

# Doublings of the share of the image that a box covers.
_AREA_EDGES = tuple(2.0**power for power in range(-12, 0))
# The middle bin is about square: an edge at 1 would part boxes by a pixel.
_ASPECT_EDGES = tuple(2.0**power for power in (-2, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 2))
_CELLS = 5
# Other sizes, as web photos have them, are distinguished by their mean side only.
_COMMON_SIZES = 50
_SIDE_EDGES = tuple(2.0**power for power in range(6, 14))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One feature of one split: the `bin` (n,) of each observation and the `image` (n,) row that
    it belongs to."""

    image: Rows
    bin: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One feature of two splits on common bins, observed on each box, image or detection."""

    name: str
    of: Literal["boxes", "images", "detections"]
    labels: tuple[str, ...]
    reference: Sample
    tested: Sample


def features_of(reference: Dataset, tested: Dataset, names: Sequence[str]) -> list[Feature]:
    """Observe the named features; `DataError` where a split lacks what a feature is made of."""
    splits = _Split(reference), _Split(tested)
    return [_MAKERS[name](name, *splits) for name in names]


class _Split:
    """The columns that several features of one split need, computed once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def box_rows(self, name: str) -> Rows:
        """Rows of the boxes that count: objects, of an image and a class that the file lists."""
        if not len(self._box_rows):
            raise DataError(f"{self.dataset.name} has no boxes, so {name} cannot be compared")
        return self._box_rows

    @cached_property
    def _box_rows(self) -> Rows:
        boxes = self.dataset.boxes
        listed = (boxes.image != UNLISTED) & (boxes.category != UNLISTED)
        return np.flatnonzero(listed & ~boxes.crowd)

    @cached_property
    def box_image(self) -> Rows:
        """Image row of each of those boxes."""
        return self.dataset.boxes.image[self._box_rows]

    @cached_property
    def true_boxes(self) -> tuple[NDArray[np.bool_], Floats]:
        """Which of those boxes have an area, and (4, n) x, y, width and height of these."""
        columns = self.dataset.boxes.xywh.T[:, self._box_rows]
        is_box = (columns[2] > 0) & (columns[3] > 0)
        for column in columns:
            is_box &= np.isfinite(column)
        return is_box, columns if is_box.all() else columns[:, is_box]

    def size(self, name: str) -> tuple[Floats, Floats]:
        """Width and height of each image."""
        width, height = self.dataset.images.width, self.dataset.images.height
        unknown = np.flatnonzero(~((width > 0) & (height > 0) & np.isfinite(width * height)))
        if len(unknown):
            raise DataError(
                f"{counted(len(unknown), 'image')} of {self.dataset.name} "
                f"{verb(len(unknown), 'have')} no width and height, first "
                f"{self.dataset.images.file_name[unknown[0]]}, so {name} cannot be compared"
            )
        return width, height


_Maker = Callable[[str, _Split, _Split], Feature]


def _class(name: str, reference: _Split, tested: _Split) -> Feature:
    codes: dict[str, int] = {}

    def sample(split: _Split) -> Sample:
        rows = split.box_rows(name)
        classes = split.dataset.classes
        of_class = np.array([codes.setdefault(label, len(codes)) for label in classes], np.int32)
        return Sample(split.box_image, of_class[split.dataset.boxes.category[rows]])

    samples = sample(reference), sample(tested)
    return Feature(name, "boxes", tuple(codes), *samples)


def _of_boxes(labels: Sequence[str], bins: Callable[[Floats, Floats, Floats], Rows]) -> _Maker:
    """A feature of boxes; `bins` takes (4, n) xywh and its images' width and height. A box
    without area goes into a separate bin: another rule finds such boxes."""

    def sample(name: str, split: _Split) -> Sample:
        width, height = split.size(name)
        bin_of_box = np.full(len(split.box_rows(name)), len(labels), dtype=np.int32)
        is_box, xywh = split.true_boxes
        image = split.box_image[is_box]
        bin_of_box[is_box] = bins(xywh, width[image], height[image])
        return Sample(split.box_image, bin_of_box)

    def make(name: str, reference: _Split, tested: _Split) -> Feature:
        samples = sample(name, reference), sample(name, tested)
        return Feature(name, "boxes", (*labels, "without area"), *samples)

    return make


def _area_bin(xywh: Floats, width: Floats, height: Floats) -> Rows:
    share: Floats = xywh[2] * xywh[3] / (width * height)
    return np.digitize(share, _AREA_EDGES)


def _aspect_bin(xywh: Floats, width: Floats, height: Floats) -> Rows:
    ratio: Floats = xywh[2] / xywh[3]
    return np.digitize(ratio, _ASPECT_EDGES)


def _position_bin(xywh: Floats, width: Floats, height: Floats) -> Rows:
    cells: list[Rows] = [
        np.clip((xywh[column] + xywh[column + 2] / 2) / side * _CELLS, 0, _CELLS - 1).astype(
            np.int64
        )
        for column, side in ((0, width), (1, height))
    ]
    across, down = cells
    return down * _CELLS + across


def _boxes_per_image(name: str, reference: _Split, tested: _Split) -> Feature:
    def sample(split: _Split) -> Sample:
        boxes = split.dataset.boxes
        n = len(split.dataset.images)
        listed = boxes.image[(boxes.image != UNLISTED) & ~boxes.crowd]
        counts = np.bincount(listed, minlength=n)
        return Sample(np.arange(n), (np.digitize(counts, COUNT_EDGES) - 1).astype(np.int32))

    return Feature(name, "images", count_labels(), sample(reference), sample(tested))


def count_labels() -> tuple[str, ...]:
    """The names of the bins of `COUNT_EDGES`."""
    ends = (*(edge - 1 for edge in COUNT_EDGES[1:]), None)
    return tuple(map(_count_label, COUNT_EDGES, ends))


def _resolution(name: str, reference: _Split, tested: _Split) -> Feature:
    sizes = [np.column_stack(split.size(name)) for split in (reference, tested)]
    # One number a size: rows of two are slow to sort. Imaginary parts order ties.
    both = np.concatenate(sizes) @ np.array([1, 1j])
    distinct, of_image, times = np.unique(both, return_inverse=True, return_counts=True)
    # Chosen without looking at which split an image is in, as a permutation test requires.
    common = np.argsort(-times, kind="stable")[:_COMMON_SIZES]
    bins = len(common) + np.digitize(np.sqrt(distinct.real * distinct.imag), _SIDE_EDGES)
    bins[common] = np.arange(len(common))
    bin_of_box = bins[of_image.ravel()].astype(np.int32)
    labels = (
        *(f"{size.real:g}×{size.imag:g}" for size in distinct[common].tolist()),
        *(f"other sizes, mean side {text}" for text in bin_names(_SIDE_EDGES, "{:g}", " px")),
    )
    n = len(sizes[0])
    samples = (Sample(np.arange(len(part)), part) for part in (bin_of_box[:n], bin_of_box[n:]))
    return Feature(name, "images", labels, *samples)


def bin_names(edges: Sequence[float], form: str, unit: str) -> list[str]:
    """Names of the bins that `edges` part: `under 64 px`, `64-128 px`, ..., `over 8192 px`."""
    texts = [form.format(edge) for edge in edges]
    return [
        f"under {texts[0]}{unit}",
        *(f"{low}-{high}{unit}" for low, high in pairwise(texts)),
        f"over {texts[-1]}{unit}",
    ]


def _count_label(first: int, last: int | None) -> str:
    if last is None:
        return f"{counted(first, 'box')} or more"
    if first == last:
        return counted(first, "box")
    return f"{first}-{last} boxes"


_SIDES = [f"{100 * cell // _CELLS}-{100 * (cell + 1) // _CELLS}%" for cell in range(_CELLS)]
_MAKERS: Final[dict[str, _Maker]] = {
    "class": _class,
    "box-size": _of_boxes(
        bin_names([100 * edge for edge in _AREA_EDGES], "{:.2g}", "% of the image"), _area_bin
    ),
    "aspect": _of_boxes(
        [f"width/height {text}" for text in bin_names(_ASPECT_EDGES, "{:.2g}", "")], _aspect_bin
    ),
    "position": _of_boxes(
        [f"centre at x {across}, y {down}" for down in _SIDES for across in _SIDES], _position_bin
    ),
    "boxes-per-image": _boxes_per_image,
    "resolution": _resolution,
}
FEATURES: Final = tuple(_MAKERS)
