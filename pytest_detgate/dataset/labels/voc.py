"""Pascal VOC labels to tables: an XML file for each image."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

import numpy as np

from pytest_detgate.dataset.images.names import name_of_missing
from pytest_detgate.dataset.images.sizes import with_sizes_of_files
from pytest_detgate.dataset.labels.image_labels import FLAGS, is_set
from pytest_detgate.dataset.labels.label_folder import LabelFolder, label_folder, other_labels
from pytest_detgate.dataset.labels.shape_boxes import Frame, frame_of_points, frame_of_turned_box
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import split_images, with_labels
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.xml import numbers_of, parse_xml, require_tags
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import gap

_SUFFIX = ".xml"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_TURNED = ("cx", "cy", "w", "h", "angle")
# What objects are made of; an `<object>` in another element is no object of the image.
_OF_OBJECTS = ("object", "bndbox", "robndbox", "polygon", *_CORNERS)
_ONCE = frozenset(
    {
        *("filename", "folder", "size", "width", "height", "name", "difficult"),
        *("bndbox", "robndbox", "polygon", *_CORNERS, *_TURNED),
    }
)


@dataclass(slots=True)
class _File:
    """What one file says."""

    name: str
    image: str
    hints: tuple[str, ...]
    size: tuple[float, float]
    classes: list[str] = field(default_factory=list)
    boxes: list[Frame] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)
    flags: Counter[str] = field(default_factory=Counter)
    framed: list[str] = field(default_factory=list)
    other_shapes: int = 0


def read_voc(files: SplitFiles) -> Dataset:
    """Read a folder of Pascal VOC files, its sub-folders too; an image without one is
    `unlabelled`."""
    labels = _label_folder(files)
    read, sha256 = _read_all(labels)
    folder = split_images(files, lambda name: is_side_file(name, "voc"))
    means = [
        folder.find(file.image, file.hints, file.name) or name_of_missing(file.hints[-1])
        for file in read
    ]
    images = with_labels(folder, [file.name for file in read], means)
    other_gaps, other_notes = other_labels(labels, folder, images)
    classes = sorted({name for file in read for name in file.classes})
    rows = [(row, read[label]) for row, label in enumerate(images.label.tolist()) if label >= 0]
    stated = np.full((len(images.names), 2), np.nan)
    for row, file in rows:
        stated[row] = file.size
    size = with_sizes_of_files(files.images, images.names, stated, files.image_options)
    of_box = [name for _, file in rows for name in file.classes]
    others = [row for row, file in rows if file.other_shapes]
    flags = {row: file.flags for row, file in rows}
    xywh = [box for _, file in rows for box in file.boxes]
    return labelled_dataset(
        files,
        Labels(
            file_name=images.names,
            size=size,
            unlabelled=images.unlabelled,
            is_there=images.is_there,
            classes=tuple(classes),
            category_id=tuple(classes),
            box_id=[
                f"{images.names[row]}:{count}"
                for row, file in rows
                for count in range(1, len(file.boxes) + 1)
            ],
            box_category_id=of_box,
            image=np.array([row for row, file in rows for _ in file.boxes], dtype=np.int64),
            xywh=np.array(xywh, dtype=np.float64).reshape(-1, 4),
            crowd=np.array([hard for _, file in rows for hard in file.difficult], dtype=np.bool_),
            sha256=sha256,
            notes=(*images.notes, *other_notes),
            framed=[where for _, file in rows for where in file.framed],
            fields={
                flag: [flags[row][flag] if row in flags else None for row in range(len(size))]
                for flag in FLAGS
            },
            has_class_list=False,
            gaps=(
                *images.gaps,
                *other_gaps,
                *gap(
                    "shapes-not-boxes",
                    "images",
                    [images.names[row] for row in others],
                    "images have objects that are no boxes",
                    rows=others,
                ),
            ),
        ),
    )


def _label_folder(files: SplitFiles) -> LabelFolder:
    if not files.labels.exists():
        raise DataError(f"{files.labels}: no such file or folder")
    inner = files.labels / "Annotations"
    where = inner if inner.is_dir() else files.labels
    return label_folder(where, files, _SUFFIX, lambda name: True)


def _read_all(labels: LabelFolder) -> tuple[list[_File], str]:
    contents = [(name, read_bytes(labels.root / name)) for name in labels.labels]
    read = [_read_file(labels.root / name, name, content) for name, content in contents]
    return read, digest_of(contents)


def _read_file(path: Path, name: str, content: bytes) -> _File:
    root = parse_xml(content, "annotation", path)
    require_tags(root, path, read=_ONCE | {"object"}, once=_ONCE)
    for element in root:
        within = next((tag for tag in _OF_OBJECTS if element.find(f".//{tag}") is not None), None)
        if element.tag == "object":
            if within == "object":
                raise DataError(f"{path}: <object> has another <object> in it")
        elif within is not None:
            raise DataError(f"{path}: <{element.tag}> has a <{within}> and is no <object>")
        elif element.tag in _OF_OBJECTS:
            raise DataError(f"{path}: <{element.tag}> is in no <object>")
    image = (root.findtext("filename") or "").strip()
    if not image:
        raise DataError(f"{path}: missing <filename>")
    last = PurePosixPath(image.replace("\\", "/")).name
    # `<folder>` is the one that the image was in, and files of labels often lie as images do.
    folder = (root.findtext("folder") or "").strip()
    inside = PurePosixPath(name).parent
    file = _File(
        name=name,
        image=image,
        hints=(f"{folder}/{last}", (inside / image.replace("\\", "/")).as_posix()),
        size=_size(root, path),
    )
    for number, thing in enumerate(root.iterfind("object"), start=1):
        _read_object(thing, f"object {number}", path, file)
    return file


def _size(root: Element, path: Path) -> tuple[float, float]:
    size = root.find("size")
    if size is None:
        return math.nan, math.nan
    texts = [size.findtext(side) for side in ("width", "height")]
    if None in texts:
        return math.nan, math.nan
    width, height = numbers_of(texts, "<size>", path)
    return width or math.nan, height or math.nan


def _read_object(thing: Element, what: str, path: Path, file: _File) -> None:
    name = (thing.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{path}: {what} has no <name>")
    shapes = {child.tag: child for child in thing}
    if "bndbox" in shapes:
        x1, y1, x2, y2 = _values(shapes["bndbox"], _CORNERS, what, path)
        if x2 < x1 or y2 < y1:
            raise DataError(f"{path}: {what}: inverted box, {x1:g}, {y1:g} to {x2:g}, {y2:g}")
        frame = (x1, y1, x2 - x1, y2 - y1)
    elif "robndbox" in shapes:
        cx, cy, width, height, angle = _values(shapes["robndbox"], _TURNED, what, path)
        frame = frame_of_turned_box(cx, cy, width, height, math.degrees(angle))
        file.framed.append(f"{file.name}: {what}")
    elif "polygon" in shapes:
        frame = _polygon(shapes["polygon"], what, path)
        file.framed.append(f"{file.name}: {what}")
    elif shapes.keys() & {"mask", "line", "polyline", "point", "points", "keypoints", "ellipse"}:
        file.other_shapes += 1
        return
    else:
        raise DataError(f"{path}: {what} ({name}) has no <bndbox>")
    file.classes.append(name)
    file.boxes.append(frame)
    file.difficult.append(is_set(thing.findtext("difficult")))
    file.flags.update(flag for flag in FLAGS if is_set(thing.findtext(flag)))


def _values(box: Element, names: tuple[str, ...], what: str, path: Path) -> list[float]:
    texts = {child.tag: child.text for child in box}
    return numbers_of([texts.get(name) for name in names], what, path)


def _polygon(polygon: Element, what: str, path: Path) -> Frame:
    """The frame of a polygon, written as `<pt><x/><y/></pt>` or `<x1/><y1/><x2/><y2/>`."""
    points = [(point.findtext("x"), point.findtext("y")) for point in polygon.iterfind("pt")]
    if not points:
        texts = {child.tag: child.text for child in polygon}
        count = Counter(tag[:1] for tag in texts)["x"]
        points = [
            (texts.get(f"x{corner}"), texts.get(f"y{corner}")) for corner in range(1, count + 1)
        ]
    values = numbers_of([text for point in points for text in point], what, path)
    return frame_of_points(values, what, path)
