"""Pascal VOC, CVAT and Open Images labels to tables, through hotcoco's readers."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.identity import id_column, rows_of
from pytest_detgate.dataset.labelled import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.pictures_of_split import (
    PictureFolder,
    picture_sizes,
    pictures_of_split,
)
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text_file import read_bytes
from pytest_detgate.errors import DataError

_DECIMAL_COMMA = re.compile(rb'"(-?\d+),(\d+)"')


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What a reader of hotcoco's gave, as columns."""

    file_name: list[str]
    size: NDArray[np.float64]
    classes: tuple[str, ...]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    notes: tuple[str, ...]


def read_voc(files: SplitFiles) -> Dataset:
    """Read a folder of Pascal VOC files; a picture without one is `unlabelled`."""
    read = _by_hotcoco(files.labels, lambda coco: coco.from_voc(str(files.labels)))
    # hotcoco takes corners as pixels, counted from 1, that belong to the box. Whoever writes VOC
    # files today means edges, as the other formats do: a box from 5 to 5 has no width.
    read.xywh[:, :2] += 1
    read.xywh[:, 2:] -= 1
    folder = files.labels / "Annotations"
    where = folder if folder.is_dir() else files.labels
    contents = ((path.name, read_bytes(path)) for path in sorted(where.glob("*.xml")))
    return _with_pictures(files, read, digest_of(contents))


def read_cvat(files: SplitFiles) -> Dataset:
    """Read a file of CVAT for images, which lists its images itself."""
    content = read_bytes(files.labels)
    read = _by_hotcoco(files.labels, lambda coco: coco.from_cvat(str(files.labels)))
    return labelled_dataset(files, _labels(read, digest_of([("", content)])))


def read_openimages(files: SplitFiles) -> Dataset:
    """Read a CSV file of Open Images. It cannot say that an image is empty: one that it does not
    name is `unlabelled`."""
    content = read_bytes(files.labels)
    # Some programs write decimals as their country does.
    plain = _DECIMAL_COMMA.sub(rb"\1.\2", content)
    names = None if files.classes is None else str(files.classes)
    with tempfile.TemporaryDirectory(prefix="detgate-") as folder:
        path = files.labels
        if plain != content:
            path = Path(folder) / files.labels.name
            path.write_bytes(plain)
        read = _by_hotcoco(
            files.labels, lambda coco: coco.from_oid(str(path), class_descriptions=names)
        )
    # Without pictures hotcoco leaves coordinates as the shares that they are in the file.
    return _with_pictures(files, read, digest_of([("", content)]), shares=True)


def _by_hotcoco(labels: Path, read: Callable[[Any], Any]) -> _Read:
    import hotcoco

    if not labels.exists():
        raise DataError(f"{labels}: no such file or folder")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            coco = read(hotcoco.COCO)
        except (ValueError, OSError, RuntimeError) as error:
            raise DataError(f"{labels}: {error}") from None
    content = coco.dataset
    images, boxes, categories = (content[key] for key in ("images", "annotations", "categories"))
    image_id = id_column([image["id"] for image in images])
    category_id = id_column([category["id"] for category in categories])
    size = [(image["width"] or np.nan, image["height"] or np.nan) for image in images]
    return _Read(
        file_name=[str(image["file_name"]) for image in images],
        size=np.array(size, dtype=np.float64).reshape(-1, 2),
        classes=tuple(str(category["name"]) for category in categories),
        image=rows_of(id_column([box["image_id"] for box in boxes]), image_id),
        category=rows_of(id_column([box["category_id"] for box in boxes]), category_id),
        xywh=np.array([box["bbox"] for box in boxes], dtype=np.float64).reshape(-1, 4),
        crowd=np.array(
            [bool(box.get("iscrowd") or box.get("is_group_of")) for box in boxes], dtype=np.bool_
        ),
        notes=tuple(dict.fromkeys(str(warning.message) for warning in caught)),
    )


def _with_pictures(files: SplitFiles, read: _Read, sha256: str, *, shares: bool = False) -> Dataset:
    """The labels of the pictures of a split, and its pictures without labels."""
    folder = PictureFolder(files.images)
    names = [folder.find(name) or name for name in read.file_name]
    wanted = pictures_of_split(folder, files.listed)
    chosen = set(names if files.listed is None else wanted)
    labelled = [row for row, name in enumerate(names) if name in chosen]
    there = set(names)
    unlabelled = [name for name in wanted if name not in there]
    row_of = np.full(len(names), -1)
    row_of[labelled] = np.arange(len(labelled))
    size = np.concatenate([read.size[labelled], np.full((len(unlabelled), 2), np.nan)])
    file_name = [names[row] for row in labelled] + unlabelled
    if shares:
        size = picture_sizes(files.images, file_name, files.image_options)
    kept = row_of[read.image] >= 0
    image = row_of[read.image][kept]
    xywh = read.xywh[kept] * np.tile(size, 2)[image] if shares else read.xywh[kept]
    moved = _Read(
        file_name=file_name,
        size=size,
        classes=read.classes,
        image=image,
        category=read.category[kept],
        xywh=xywh,
        crowd=read.crowd[kept],
        notes=read.notes,
    )
    is_unlabelled = np.arange(len(file_name)) >= len(labelled)
    return labelled_dataset(files, _labels(moved, sha256, is_unlabelled))


def _labels(read: _Read, sha256: str, unlabelled: NDArray[np.bool_] | None = None) -> Labels:
    return Labels(
        file_name=read.file_name,
        size=read.size,
        unlabelled=unlabelled,
        classes=read.classes,
        category_id=read.classes,
        box_id=_numbered(read.file_name, read.image),
        box_category_id=[read.classes[at] for at in read.category],
        image=read.image,
        category=read.category,
        xywh=read.xywh,
        crowd=read.crowd,
        sha256=sha256,
        notes=read.notes,
    )


def _numbered(names: Sequence[str], image: NDArray[np.int64]) -> list[str]:
    """Boxes by image, counted from 1, as the formats have no ids: `a.jpg:2`."""
    seen: Counter[int] = Counter()
    ids = []
    for row in image.tolist():
        seen[row] += 1
        ids.append(f"{names[row]}:{seen[row]}")
    return ids
