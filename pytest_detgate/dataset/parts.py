"""Parts of a split: some of its images with what is on them, and what was detected on them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.annotation_gaps import annotation_gaps
from pytest_detgate.dataset.tables import (
    UNLISTED,
    BoxTable,
    Dataset,
    DetectionTable,
    ImageTable,
    Part,
)
from pytest_detgate.gaps import Gap, with_rows

_OF_BOXES = frozenset({"unlisted-class", "boxes-not-finite"})


def part_of(
    whole: Dataset,
    rows: NDArray[np.int64],
    name: str,
    query: str,
    *,
    gaps: tuple[Gap, ...] = (),
    left_out: frozenset[str] = frozenset(),
) -> Dataset:
    """The images at some rows of a split, as the probe `name`.

    `query` says which images those are, `gaps` what is not known of the choice. Gaps of the split
    are the part's as well, those of images as far as they are its images; `left_out` are kinds that
    have no meaning for it.
    """
    images = _images(whole.images, rows)
    boxes = _boxes(whole.boxes, rows, len(whole.images))
    gaps_of_part = [gap for gap in whole.gaps if gap.kind not in left_out | _OF_BOXES]
    return dataclasses.replace(
        whole,
        name=name,
        images=images,
        boxes=boxes,
        sha256=_digest(whole, images, boxes),
        notes=(f"{len(rows):,} of {counted(len(whole.images), 'image')} of {whole.name}: {query}",),
        gaps=(*gaps, *_gaps(gaps_of_part, rows, images), *_annotation_gaps(boxes, whole)),
        part=Part(whole=whole, rows=rows, query=query),
    )


def detections_of_part(detections: DetectionTable, dataset: Dataset) -> DetectionTable:
    """What was detected on the images of a part, from the detections of the whole."""
    assert dataset.part is not None
    rows = dataset.part.rows
    row_of = _row_of(rows, len(dataset.part.whole.images))
    image = row_of[detections.image]
    in_part = np.flatnonzero(image != UNLISTED)
    return dataclasses.replace(
        detections.take(in_part),
        image=image[in_part],
        gaps=tuple(_gaps(detections.gaps, rows, dataset.images)),
    )


def _row_of(rows: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """(total + 1,) the row in the part of each row of the whole, `UNLISTED` where it is not in it;
    the last is that of an image which the file does not list."""
    row_of = np.full(total + 1, UNLISTED, dtype=np.int64)
    row_of[rows] = np.arange(len(rows))
    return row_of


def _images(images: ImageTable, rows: NDArray[np.int64]) -> ImageTable:
    return ImageTable(
        id=images.id[rows],
        file_name=images.file_name[rows],
        width=images.width[rows],
        height=images.height[rows],
        fields={name: column[rows] for name, column in images.fields.items()},
        unlabelled=None if images.unlabelled is None else images.unlabelled[rows],
    )


def _boxes(boxes: BoxTable, rows: NDArray[np.int64], total: int) -> BoxTable:
    image = _row_of(rows, total)[boxes.image]
    is_in_part = image != UNLISTED
    return BoxTable(
        id=boxes.id[is_in_part],
        image_id=boxes.image_id[is_in_part],
        category_id=boxes.category_id[is_in_part],
        image=image[is_in_part],
        category=boxes.category[is_in_part],
        xywh=boxes.xywh[is_in_part],
        area=boxes.area[is_in_part],
        crowd=boxes.crowd[is_in_part],
        shares=None if boxes.shares is None else boxes.shares[is_in_part],
    )


def _annotation_gaps(boxes: BoxTable, whole: Dataset) -> Iterator[Gap]:
    for gap in annotation_gaps(boxes, (), whole.all_classes()[0]):
        if gap.kind in _OF_BOXES:
            yield gap


def _gaps(
    gaps: tuple[Gap, ...] | list[Gap], rows: NDArray[np.int64], images: ImageTable
) -> Iterator[Gap]:
    """The gaps of a whole that its part has too."""
    row_of = {row: own for own, row in enumerate(rows.tolist())}
    for gap in gaps:
        if gap.rows:
            own = [row_of[row] for row in gap.rows if row in row_of]
            yield from with_rows(gap, own, images.file_name[own].tolist())
        elif gap.unit == "classes":
            yield gap
        else:
            # It is not known whether these are things of the part.
            yield msgspec.structs.replace(gap, listed=False)


def _digest(whole: Dataset, images: ImageTable, boxes: BoxTable) -> str:
    """A digest of the images of a part and of their boxes, the same for any order in their file:
    changes elsewhere in the split leave it as it is."""
    classes = (*whole.classes, None)  # UNLISTED is -1
    on: dict[int, list[str]] = {}
    columns = (boxes.image.tolist(), boxes.category.tolist(), boxes.crowd.tolist())
    for image, category, crowd, shape in zip(*columns, boxes.shapes.tolist(), strict=True):
        on.setdefault(image, []).append(repr((classes[category], crowd, shape)))
    lines = sorted(
        repr((name, sorted(on.get(row, ())))) for row, name in enumerate(images.file_name.tolist())
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
