"""Datumaro labels to tables: a JSON file that lists its items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.counts import counted
from pytest_detgate.dataset.labels.image_labels import FLAGS, ImageLabels, is_set, plain_fields
from pytest_detgate.dataset.labels.image_tables import listed_dataset
from pytest_detgate.dataset.labels.shape_boxes import (
    frame_of_points,
    frame_of_turned_box,
    turn_of,
)
from pytest_detgate.dataset.labels.tables import SplitFiles, digest_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

# Said of the whole image: no shapes.
_NO_SHAPES = frozenset({"label", "caption"})
_CROWD = ("is_crowd", "iscrowd")


class _Annotation(msgspec.Struct, gc=False):
    type: str
    label_id: int | None = None
    attributes: dict[str, Any] | None = None
    bbox: list[float] | None = None
    points: Any = None
    rotation: float = 0.0


class _Media(msgspec.Struct, gc=False):
    path: str = ""
    size: tuple[float, float] | None = None


class _Item(msgspec.Struct, gc=False):
    id: str
    annotations: list[_Annotation]
    attr: dict[str, Any] | None = None
    image: _Media | None = None
    media: _Media | None = None


class _Label(msgspec.Struct, gc=False):
    name: str


class _Labels(msgspec.Struct, gc=False):
    labels: list[_Label]


class _Categories(msgspec.Struct, gc=False):
    label: _Labels


class _File(msgspec.Struct, gc=False):
    categories: _Categories
    items: list[_Item]


def read_datumaro(files: SplitFiles) -> Dataset:
    """Read the file of one subset of a Datumaro data set. Polygons and turned boxes become their
    frames; an image with any other shape is not looked at. The attributes of an item are image
    fields."""
    path = files.labels
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    content = read_bytes(path)
    file = decode_json(content, _File, path, strict=False)
    classes = [label.name for label in file.categories.label.labels]
    entries = [_entry(item, classes, path) for item in file.items]
    return listed_dataset(files, entries, classes, digest_of([("", content)]))


def _entry(item: _Item, classes: Sequence[str], path: Path) -> ImageLabels:
    media = item.image or item.media or _Media()
    height, width = media.size or (math.nan, math.nan)
    entry = ImageLabels(
        where=f"item {item.id!r}",
        image=media.path or item.id,
        hints=(item.id,),
        size=(width or math.nan, height or math.nan),
        fields=plain_fields(item.attr),
    )
    for number, annotation in enumerate(item.annotations, start=1):
        _add(annotation, number, classes, path, entry)
    return entry


def _add(
    annotation: _Annotation, number: int, classes: Sequence[str], path: Path, entry: ImageLabels
) -> None:
    kind = annotation.type
    if kind in _NO_SHAPES:
        return
    what = f"{entry.where}: {kind} {number}"
    label = annotation.label_id
    if label is not None and not 0 <= label < len(classes):
        raise DataError(
            f"{path}: {what}: label_id {label} is none of the {counted(len(classes), 'class')}, 0 "
            f"to {len(classes) - 1}"
        )
    name = None if label is None else classes[label]
    attributes = annotation.attributes or {}
    if kind not in ("bbox", "polygon"):
        entry.others.append((kind, name))
        return
    if name is None:
        raise DataError(f"{path}: {what} has no label_id")
    if kind == "polygon":
        box = frame_of_points(_numbers(annotation.points, what, path), what, path)
        entry.framed.append(what)
    else:
        values = annotation.bbox or []
        if len(values) != 4:
            raise DataError(f"{path}: {what}: `bbox` has {counted(len(values), 'number')}, not 4")
        x, y, width, height = values
        box = (x, y, width, height)
        turn = turn_of(attributes.get("rotation", annotation.rotation), what, path)
        if turn % 360:
            box = frame_of_turned_box(x + width / 2, y + height / 2, width, height, turn)
            entry.framed.append(what)
    flags = [flag for flag in FLAGS if is_set(attributes.get(flag))] if attributes else []
    crowd = any(is_set(attributes.get(key)) for key in _CROWD) if attributes else False
    entry.scores += attributes.get("score") is not None
    entry.add(name, box, number, flags, crowd=crowd)


def _numbers(points: Any, what: str, path: Path) -> list[float]:
    try:
        return msgspec.convert(points, list[float], strict=False)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {what}: `points`: {error}") from None
