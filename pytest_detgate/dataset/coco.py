"""COCO JSON to tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from pytest_detgate.dataset.identity import Id, id_column, repeated, rows_of
from pytest_detgate.dataset.json_text import Number, decode_json, number
from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, ImageTable, refuse_escaping
from pytest_detgate.errors import DataError


class CocoCategory(msgspec.Struct):
    id: Id
    name: str


class CocoAnnotation(msgspec.Struct, gc=False):
    image_id: Id
    category_id: Id
    bbox: tuple[Number, Number, Number, Number]
    id: Id | None = None
    area: Number | None = None
    iscrowd: bool | int | None = None


class _Categories(msgspec.Struct):
    categories: list[CocoCategory]


def read_coco(path: Path, images_dir: Path, name: str, image_fields: Iterable[str] = ()) -> Dataset:
    """Read a COCO file as the split or probe `name`.

    Nothing is dropped: an annotation of an image or category that is not listed keeps its row,
    with `UNLISTED`. `image_fields` are further fields of the images to keep. A file that cannot
    be read, is cut off, or lacks what COCO requires raises `DataError` with the place.
    """
    content = read_bytes(path)
    if content.lstrip()[:1] == b"[":
        raise DataError(
            f"{path}: a list, as a result file is; a COCO annotation file is an object with "
            "images, annotations and categories"
        )
    fields = tuple(image_fields)
    file = decode_json(content, _file_type(fields), path)
    digest = hashlib.sha256(content).hexdigest()
    del content
    images = _image_table(file.images, fields)
    refuse_escaping(images.file_name, str(path))
    category_id = id_column([category.id for category in file.categories])
    boxes = _box_table(file.annotations, images.id, category_id)
    return Dataset(
        name=name,
        images_dir=images_dir,
        images=images,
        boxes=boxes,
        classes=tuple(category.name for category in file.categories),
        category_id=tuple(category_id.tolist()),
        annotations=path,
        sha256=digest,
        notes=tuple(_notes(images, boxes)),
    )


def read_class_names(path: Path) -> tuple[str, ...]:
    """The category names of a COCO file, without building anything else of it."""
    file = decode_json(read_bytes(path), _Categories, path)
    return tuple(category.name for category in file.categories)


def read_bytes(path: Path) -> bytes:
    """A file's content, or a `DataError` that says why it cannot be had."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _file_type(fields: tuple[str, ...]) -> Any:
    """The type of the file with just the image fields that are wanted; the rest is skipped."""
    columns: list[Any] = [
        ("id", Id),
        ("file_name", str),
        ("width", Number | None, None),
        ("height", Number | None, None),
    ]
    columns += [(field, Any, None) for field in fields if field not in {c[0] for c in columns}]
    image = msgspec.defstruct("CocoImage", columns, gc=False)
    return msgspec.defstruct(
        "CocoFile",
        [
            ("images", list[image]),  # type: ignore[valid-type]
            ("categories", list[CocoCategory]),
            ("annotations", list[CocoAnnotation] | UnsetType, UNSET),
        ],
    )


def _image_table(images: Sequence[Any], fields: tuple[str, ...]) -> ImageTable:
    return ImageTable(
        id=id_column([image.id for image in images]),
        file_name=_objects([image.file_name for image in images]),
        width=_numbers([image.width for image in images]),
        height=_numbers([image.height for image in images]),
        fields={field: _objects([getattr(image, field) for image in images]) for field in fields},
    )


def _box_table(
    annotations: list[CocoAnnotation] | UnsetType,
    image_id: NDArray[Any],
    category_id: NDArray[Any],
) -> BoxTable:
    rows = [] if isinstance(annotations, UnsetType) else annotations
    box_image_id = id_column([row.image_id for row in rows])
    box_category_id = id_column([row.category_id for row in rows])
    xywh = np.array([row.bbox for row in rows], dtype=np.float64).reshape(-1, 4)
    return BoxTable(
        id=id_column([row.id for row in rows]),
        image_id=box_image_id,
        category_id=box_category_id,
        image=rows_of(box_image_id, image_id),
        category=rows_of(box_category_id, category_id),
        xywh=xywh,
        area=_numbers([row.area for row in rows]),
        crowd=np.array([bool(row.iscrowd) for row in rows], dtype=np.bool_),
    )


def _notes(images: ImageTable, boxes: BoxTable) -> Iterable[str]:
    for what, rows in (("images", boxes.image), ("categories", boxes.category)):
        count = int(np.count_nonzero(rows == UNLISTED))
        if count:
            yield f"{count} annotations refer to {what} that the file does not list"
    not_finite = int(np.count_nonzero(~np.isfinite(boxes.xywh).all(axis=1)))
    if not_finite:
        yield f"{not_finite} boxes are not finite"
    twice = repeated(images.id)
    if twice:
        yield f"{len(twice)} image ids are used twice, first {twice[0]!r}"


def _objects(values: list[Any]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _numbers(values: list[Number | None]) -> NDArray[np.float64]:
    return np.array(
        [np.nan if value is None else number(value) for value in values], dtype=np.float64
    )
