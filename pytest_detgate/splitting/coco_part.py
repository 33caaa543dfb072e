"""A part of labels of any format as a COCO file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.gaps import ODD_ANNOTATIONS
from pytest_detgate.regular_file import real_path
from pytest_detgate.splitting.json_text import Entry, join_entries, raw_of, table_text
from pytest_detgate.splitting.part_files import Chosen

_INCOMPLETE = {"images-without-labels", "shapes-not-boxes"} | ODD_ANNOTATIONS


def incomplete_images(dataset: Dataset) -> NDArray[np.int64]:
    """Return the rows of the images of which a COCO file could not say all that is on them: nobody
    labelled them, or they have a shape that is no finite box of a listed class."""
    boxes = dataset.boxes
    odd = ~np.isfinite(boxes.xywh).all(axis=1) | (boxes.category == UNLISTED)
    rows = [row for gap in dataset.gaps if gap.kind in _INCOMPLETE for row in gap.rows]
    return np.unique(np.array([*rows, *boxes.image[odd].tolist()], dtype=np.int64))


def common_folder(datasets: Sequence[Dataset]) -> Path:
    """Return the folder that the file names of a COCO file of several data sets start from."""
    folders = [dataset.images_dir for dataset in datasets]
    return folders[0] if len(set(folders)) == 1 else Path(os.path.commonpath(folders))


def coco_part(parts: Sequence[Chosen], path: Path) -> bytes:
    """The COCO file of the chosen images, with the image fields that their format has.

    Ids count from 1 over all images, so that those of the two parts differ.
    """
    folder = common_folder([part.dataset for part in parts])
    classes = list(dict.fromkeys(name for part in parts for name in part.dataset.classes))
    number = {name: index for index, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    first_image = first_box = 1
    for part in parts:
        prefix = Path(os.path.relpath(real_path(part.dataset.images_dir), real_path(folder)))
        images += _images(part, first_image, prefix.as_posix())
        annotations += _annotations(part, first_image, first_box, number)
        first_image += len(part.dataset.images)
        first_box += len(part.dataset.boxes)
    top: Entry = {
        "images": _lines(images),
        "annotations": _lines(annotations),
        "categories": _lines([{"id": index, "name": name} for name, index in number.items()]),
    }
    return table_text(top)


def _lines(entries: Sequence[dict[str, Any]]) -> msgspec.Raw:
    return msgspec.Raw(join_entries([raw_of(entry) for entry in entries]))


def _images(part: Chosen, first: int, prefix: str) -> Iterator[dict[str, Any]]:
    images = part.dataset.images
    for row in part.rows.tolist():
        fields = {name: column[row] for name, column in images.fields.items()}
        size = {"width": images.width[row], "height": images.height[row]}
        yield {
            **{name: value for name, value in fields.items() if value is not None},
            "id": first + row,
            "file_name": PurePosixPath(prefix, images.file_name[row]).as_posix(),
            **{side: int(length) for side, length in size.items() if np.isfinite(length)},
        }


def _annotations(
    part: Chosen, first_image: int, first: int, number: dict[str, int]
) -> Iterator[dict[str, Any]]:
    boxes, names = part.dataset.boxes, part.dataset.classes
    for row in np.flatnonzero(np.isin(boxes.image, part.rows)).tolist():
        xywh = boxes.xywh[row].tolist()
        yield {
            "id": first + row,
            "image_id": first_image + int(boxes.image[row]),
            "category_id": number[names[boxes.category[row]]],
            "bbox": xywh,
            "area": xywh[2] * xywh[3],
            "iscrowd": int(boxes.crowd[row]),
        }
