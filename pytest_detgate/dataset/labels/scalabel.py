"""Scalabel labels, those of BDD100K too, to tables: a JSON file that lists its frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.dataset.labels.image_labels import ImageLabels, is_set, plain_fields
from pytest_detgate.dataset.labels.image_tables import listed_dataset
from pytest_detgate.dataset.labels.shape_boxes import Frame, frame_of_points
from pytest_detgate.dataset.labels.tables import SplitFiles, digest_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

# The flags of a box, by what Scalabel calls them.
_FLAGS = {"occluded": "occluded", "truncated": "truncated", "ignored": "ignore"}
_OTHERS = ("rle", "graph", "box3d", "poly3d")


class _Box(msgspec.Struct, gc=False):
    x1: float
    y1: float
    x2: float
    y2: float


class _Polygon(msgspec.Struct, gc=False):
    vertices: list[tuple[float, float]]
    closed: bool = True


class _Label(msgspec.Struct, gc=False):
    category: str | None = None
    attributes: dict[str, Any] | None = None
    box2d: _Box | None = None
    poly2d: list[_Polygon] | None = None
    rle: Any = None
    graph: Any = None
    box3d: Any = None
    poly3d: Any = None
    score: Any = None


class _Size(msgspec.Struct, gc=False):
    width: float
    height: float


class _Frame(msgspec.Struct, gc=False, rename={"video": "videoName", "index": "frameIndex"}):
    name: str
    video: str | None = None
    index: int | None = None
    timestamp: float | None = None
    size: _Size | None = None
    attributes: dict[str, Any] | None = None
    labels: list[_Label] | None = None


class _Category(msgspec.Struct, gc=False):
    name: str
    subcategories: list[_Category] | None = None


class _Config(msgspec.Struct, gc=False, rename="camel"):
    categories: list[_Category] | None = None
    image_size: _Size | None = None


class _File(msgspec.Struct, gc=False):
    frames: list[_Frame]
    config: _Config | None = None


def read_scalabel(files: SplitFiles) -> Dataset:
    """Read a file of Scalabel: a list of frames, or a table with `frames` and `config`.

    As its own tools do, a box includes the pixel at its right lower corner. A frame without
    `labels` is `unlabelled`. Closed polygons become their frames; an image with a line, a mask or a
    cuboid is not looked at. Image fields: `clip`, `frame` and `timestamp` (ms), and its attributes.
    """
    path = files.labels
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    content = read_bytes(path)
    is_list = as_utf8(content[:1000], path).lstrip().startswith(b"[")
    if is_list:
        file = _File(decode_json(content, list[_Frame], path, strict=False))
    else:
        file = decode_json(content, _File, path, strict=False)
    config = file.config or _Config()
    entries = [
        _entry(frame, f"frame {number} ({frame.name})", config.image_size, path)
        for number, frame in enumerate(file.frames, start=1)
    ]
    listed = None if config.categories is None else [*_names(config.categories)]
    return listed_dataset(files, entries, listed, digest_of([("", content)]))


def _entry(frame: _Frame, where: str, usual: _Size | None, path: Path) -> ImageLabels:
    if not frame.name:
        raise DataError(f"{path}: {where}: expected the file name of the image in `name`")
    size = frame.size or usual
    fields = plain_fields(frame.attributes)
    for name, value in (
        ("clip", frame.video or None),
        ("frame", frame.index),
        ("timestamp", frame.timestamp),
    ):
        if value is not None:
            fields[name] = value
    entry = ImageLabels(
        where=where,
        image=frame.name,
        hints=(f"{frame.video}/{frame.name}",) if frame.video else (),
        size=(size.width or math.nan, size.height or math.nan) if size else (math.nan, math.nan),
        is_labelled=frame.labels is not None,
        fields=fields,
    )
    for number, label in enumerate(frame.labels or (), start=1):
        _add(label, number, path, entry)
    return entry


def _add(label: _Label, number: int, path: Path, entry: ImageLabels) -> None:
    attributes = label.attributes or {}
    what = f"{entry.where}: label {number}"
    box: Frame | None = None
    if label.box2d is not None:
        box2d = label.box2d
        if box2d.x2 < box2d.x1 or box2d.y2 < box2d.y1:
            raise DataError(
                f"{path}: {what}: inverted box, {box2d.x1:g}, {box2d.y1:g} to "
                f"{box2d.x2:g}, {box2d.y2:g}"
            )
        box = (box2d.x1, box2d.y1, box2d.x2 - box2d.x1 + 1, box2d.y2 - box2d.y1 + 1)
    elif label.poly2d and all(polygon.closed for polygon in label.poly2d):
        values = [
            value for polygon in label.poly2d for point in polygon.vertices for value in point
        ]
        box = frame_of_points(values, what, path)
        entry.framed.append(what)
    else:
        kind = next((name for name in _OTHERS if getattr(label, name) is not None), None)
        kind = "line" if label.poly2d else kind or "label without a box"
        entry.others.append((kind, label.category))
        return
    if not label.category:
        raise DataError(f"{path}: {what} has no category")
    flags = [_FLAGS[name] for name, value in attributes.items() if name in _FLAGS and is_set(value)]
    entry.scores += label.score is not None
    entry.add(label.category, box, number, flags, crowd=is_set(attributes.get("crowd")))


def _names(categories: list[_Category]) -> Iterator[str]:
    """The classes; one with others in it is a group."""
    for category in categories:
        if category.subcategories:
            yield from _names(category.subcategories)
        else:
            yield category.name
