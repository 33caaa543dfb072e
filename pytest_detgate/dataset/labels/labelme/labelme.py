"""LabelMe labels to tables: a JSON file for each image, as LabelMe and X-AnyLabeling write it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.dataset.images.names import name_of_missing
from pytest_detgate.dataset.labels.box_columns import PlainBoxes
from pytest_detgate.dataset.labels.image_labels import (
    FLAGS,
    ImageLabels,
    is_set,
    numbers_from_1,
    plain_fields,
)
from pytest_detgate.dataset.labels.image_tables import matched_dataset
from pytest_detgate.dataset.labels.label_folder import LabelFolder, label_folder, other_labels
from pytest_detgate.dataset.labels.labelme.labelme_boxes import PlainFiles
from pytest_detgate.dataset.labels.shape_boxes import Frame, frame_of_points
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import split_images, with_labels
from pytest_detgate.dataset.labels.tables import DigestOfFiles, SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_each
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

_SUFFIX = ".json"
_FRAMED = frozenset({"polygon", "rotation", "quadrilateral"})
# Two points: corners of a mask, or the centre of a circle and a point on it.
_TWO_POINTS = frozenset({"rectangle", "mask", "circle"})
_OTHERS = frozenset({"line", "linestrip", "point", "points", "cuboid"})
_KNOWN = sorted({*_FRAMED, *_TWO_POINTS, *_OTHERS})


class _Shape(msgspec.Struct, gc=False):
    label: str
    points: list[tuple[float, float]]
    shape_type: str | None = None
    flags: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None
    difficult: bool | None = None
    score: Any = None


class _File(msgspec.Struct, rename="camel", gc=False):
    shapes: list[_Shape]
    image_path: str
    image_width: float | None = None
    image_height: float | None = None
    flags: dict[str, Any] | None = None


def read_labelme(files: SplitFiles) -> Dataset:
    """Read a folder of LabelMe files, its sub-folders too; an image without one is `unlabelled`.
    Polygons, circles and masks become their frames; an image with a line or points is not looked
    at."""
    if not files.labels.is_dir():
        raise DataError(f"{files.labels}: no such folder of labels")
    labels = label_folder(files.labels, files, _SUFFIX, lambda name: True)
    digest = DigestOfFiles()
    read, plain = _read_files(labels, digest)
    folder = split_images(files, lambda name: is_side_file(name, "labelme"))
    means = [
        folder.find(file.image, file.hints, file.where) or name_of_missing(file.image)
        for file in read
    ]
    images = with_labels(folder, [file.where for file in read], means)
    gaps, notes = other_labels(labels, folder, images)
    return matched_dataset(
        files, read, images, digest.hexdigest(), plain=plain, gaps=gaps, notes=notes
    )


def _read_files(labels: LabelFolder, digest: DigestOfFiles) -> tuple[list[ImageLabels], PlainBoxes]:
    """What each file says, and the boxes of those that hold nothing else. Each content is dropped
    before the next one is read into the same memory."""
    plain = PlainFiles()
    entries: list[ImageLabels] = []
    for name, content in read_each(labels.root, labels.labels, labels.not_regular):
        digest.add(name, content)
        file = plain.read(content)
        if file is None:
            entries.append(_read_file(labels.root / name, name, content))
            plain.learn(content)
            continue
        image, size, start, count = file
        entry = _entry(name, image, size)
        entry.start, entry.ids = start, numbers_from_1(count)
        entries.append(entry)
    return entries, plain.boxes()


def _entry(name: str, image: str, size: tuple[float, float]) -> ImageLabels:
    written = image.replace("\\", "/")
    parent = name.rpartition("/")[0]
    inside = f"{parent}/{written}" if parent and not written.startswith("/") else written
    return ImageLabels(where=name, image=written, hints=(inside,), size=size)


def _read_file(path: Path, name: str, content: bytes) -> ImageLabels:
    file = decode_json(content, _File, path, strict=False)
    if not file.image_path.strip():
        raise DataError(f"{path}: `imagePath` is empty; it names the image")
    size = (file.image_width or math.nan, file.image_height or math.nan)
    entry = _entry(name, file.image_path, size)
    entry.fields = plain_fields(file.flags)
    for number, shape in enumerate(file.shapes, start=1):
        n_before = len(entry.boxes)
        _add_shape(shape, number, path, entry)
        entry.scores += shape.score is not None and len(entry.boxes) > n_before
    return entry


def _add_shape(shape: _Shape, number: int, path: Path, entry: ImageLabels) -> None:
    points = shape.points
    if shape.shape_type == "rectangle" and len(points) == 2 and shape.label.strip():
        # As nearly all are.
        entry.add(shape.label, _frame_of_two(points), number, _flags(shape))
        return
    what = f"shape {number}"
    if not shape.label.strip():
        raise DataError(f"{path}: {what} has no label")
    kind = shape.shape_type or "polygon"  # as in files of its first versions
    if kind in _OTHERS:
        entry.others.append((kind, shape.label))
        return
    if kind not in _FRAMED and kind not in _TWO_POINTS:
        raise DataError(f"{path}: {what}: no shape_type {kind!r}; there is {', '.join(_KNOWN)}")
    if kind == "polygon" and 0 < len(points) < 3:
        raise DataError(f"{path}: {what}: a polygon has 3 or more points, found {len(points)}")
    corners = kind == "rectangle" and len(points) == 4
    if kind in _TWO_POINTS and len(points) != 2 and not corners:
        raise DataError(f"{path}: {what}: a {kind} has 2 points, found {len(points)}")
    if kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        points = [(x - radius, y - radius), (x + radius, y + radius)]
    if kind != "rectangle":
        entry.framed.append(f"{entry.where}: {what}")
    box = frame_of_points([value for point in points for value in point], what, path)
    entry.add(shape.label, box, number, _flags(shape))


def _frame_of_two(points: list[tuple[float, float]]) -> Frame:
    (x1, y1), (x2, y2) = points
    left, top = min(x1, x2), min(y1, y2)
    return left, top, max(x1, x2) - left, max(y1, y2) - top


def _flags(shape: _Shape) -> list[str]:
    if not (shape.flags or shape.attributes or shape.difficult):
        return []
    attributes: Mapping[str, Any] = {**(shape.attributes or {}), **(shape.flags or {})}
    flags: list[str] = (
        [flag for flag in FLAGS if is_set(attributes.get(flag))] if attributes else []
    )
    if shape.difficult and "difficult" not in flags:
        flags.append("difficult")
    return flags
