"""CVAT for images 1.1 to tables: one XML file that lists its images."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from pytest_detgate.dataset.labels.cvat.cvat_shapes import cvat_flags, cvat_frame
from pytest_detgate.dataset.labels.cvat.cvat_video import read_cvat_video
from pytest_detgate.dataset.labels.image_labels import FLAGS
from pytest_detgate.dataset.labels.shape_boxes import Frame
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.xml import numbers_of, parse_xml
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.gaps import gap

_PARTS = frozenset({"version", "meta", "image"})
# Said of the whole image: no shapes.
_NO_SHAPES = frozenset({"tag"})
# The one element that a shape which is read may have in it.
_ATTRIBUTE = "attribute"
_LABELS = tuple(f"meta/{owner}/labels/label/name" for owner in ("task", "job", "project"))


@dataclass(slots=True)
class _Shapes:
    """Boxes, row by row, and what became of other shapes."""

    image: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    box: list[Frame] = field(default_factory=list)
    id: list[str] = field(default_factory=list)
    framed: list[str] = field(default_factory=list)
    flags: list[Counter[str]] = field(default_factory=list)
    others: dict[int, Counter[str]] = field(default_factory=dict)


def read_cvat(files: SplitFiles) -> Dataset:
    """Read a file of CVAT for images, or for video (`read_cvat_video`). Polygons and turned
    boxes become their frames; an image with any other shape, a mask or an ellipse, is not looked
    at."""
    if not files.labels.exists():
        raise DataError(f"{files.labels}: no such file or folder")
    content = read_bytes(files.labels)
    root = parse_xml(content, "annotations", files.labels)
    listed = [element.text or "" for path in _LABELS for element in root.iterfind(path)]
    if files.subset is not None:
        _leave_subset(root, files.subset, files.labels)
    if root.find("track") is not None:
        return read_cvat_video(files, root, listed or None, digest_of([("", content)]))
    for element in root:
        if element.tag not in _PARTS:
            raise DataError(f"{files.labels}: expected <image>, found <{element.tag}>")
        if element.tag != "image" and element.find(".//image") is not None:
            raise DataError(f"{files.labels}: <{element.tag}> has an <image> in it")
    shapes = _Shapes()
    names, sizes = [], []
    for row, image in enumerate(root.iterfind("image")):
        name = image.get("name")
        if not name:
            raise DataError(f"{files.labels}: image {row + 1} has no name")
        names.append(name)
        sizes.append(_size(image, name, files.labels))
        _read_shapes(image, row, name, files.labels, shapes)
    classes = tuple(dict.fromkeys(listed or shapes.label))
    of_others: Counter[str] = sum(shapes.others.values(), Counter())
    return labelled_dataset(
        files,
        Labels(
            file_name=names,
            size=np.array(sizes, dtype=np.float64).reshape(-1, 2),
            unlabelled=None,
            classes=classes,
            category_id=classes,
            box_id=shapes.id,
            box_category_id=shapes.label,
            image=np.array(shapes.image, dtype=np.int64),
            xywh=np.array(shapes.box, dtype=np.float64).reshape(-1, 4),
            crowd=np.zeros(len(shapes.box), dtype=np.bool_),
            sha256=digest_of([("", content)]),
            framed=shapes.framed,
            fields={flag: [of_image[flag] for of_image in shapes.flags] for flag in FLAGS},
            has_class_list=bool(listed),
            gaps=gap(
                "shapes-not-boxes",
                "images",
                [names[row] for row in shapes.others],
                f"images have shapes that are no boxes ({_counted(of_others)})",
                rows=shapes.others,
            ),
        ),
    )


def _leave_subset(root: Element, subset: str, path: Path) -> None:
    """Take the images of other subsets out."""
    images = root.findall("image")
    subsets = dict.fromkeys(image.get("subset") or "" for image in images)
    if subset not in subsets:
        there = [name for name in subsets if name]
        listed = ", ".join(there) or "none"
        raise DataError(
            f"{path}: no subset {subset!r}{nearest(subset, there)} (there is: {listed})"
        )
    for image in images:
        if image.get("subset") != subset:
            root.remove(image)


def _size(image: Element, name: str, path: Path) -> tuple[float, float]:
    texts = [image.get("width"), image.get("height")]
    if None in texts:
        return math.nan, math.nan
    width, height = numbers_of(texts, f"image {name!r}", path)
    return width or math.nan, height or math.nan


def _read_shapes(image: Element, row: int, name: str, path: Path, shapes: _Shapes) -> None:
    count = 0
    shapes.flags.append(Counter())
    for shape in image:
        is_plain = all(child.tag == _ATTRIBUTE for child in shape)
        if shape.tag in _NO_SHAPES and is_plain:
            continue
        count += 1
        what = f"image {name!r}: {shape.tag} {count}"
        frame = cvat_frame(shape, what, path, shapes.framed) if is_plain else None
        if frame is None:
            shapes.others.setdefault(row, Counter())[shape.tag] += 1
            continue
        label = shape.get("label")
        if not label:
            raise DataError(f"{path}: {what} has no label")
        shapes.image.append(row)
        shapes.label.append(label)
        shapes.box.append(frame)
        shapes.id.append(f"{name}:{count}")
        shapes.flags[row].update(cvat_flags(shape))


def _counted(shapes: Counter[str]) -> str:
    plurals = {"turned box": "turned boxes", "mask": "masks"}
    return ", ".join(
        f"{count:,} {name if count == 1 else plurals.get(name, name.removesuffix('s') + 's')}"
        for name, count in sorted(shapes.items())
    )
