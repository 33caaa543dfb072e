"""Labels of every format, from the files of a project."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import Any

from tests.campaign.oracle.folders import is_image, names_below, size_of
from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.reading import (
    NotLookedAt,
    json_of,
    key_of,
    list_in,
    name_of,
    number,
    text,
    text_of,
)
from tests.campaign.project import Entry, read

Files = dict[str, Entry]
Table = dict[str, Any]


def read_labels(files: Files, table: Table) -> Labels:
    """The labels of a table under `[dataset.splits]` or `[probes]`."""
    folder = text(table.get("images"), "folder of images")
    if "annotations" not in table:
        return _folder(files, folder)
    path = text(table["annotations"], "path of annotations")
    match table.get("format", "coco"):
        case "coco":
            return _coco(files, path, folder)
        case "yolo":
            return _yolo(files, path, folder, table)
        case "voc":
            return _voc(files, path, folder)
        case "cvat":
            return _cvat(files, path, folder)
        case "openimages":
            return _openimages(files, path, folder, table)
    raise NotLookedAt(f"no format {table.get('format')!r}")


def _folder(files: Files, folder: str) -> Labels:
    labels = Labels(folder, "folder")
    for name in names_below(files, folder):
        if is_image(files, f"{folder}/{name}"):
            labels.images.append(Image(key_of(name), name))
        else:
            labels.other_files.append(name)
    return labels


def _coco(files: Files, path: str, folder: str) -> Labels:
    content = json_of(read(files, path), path)
    labels = Labels(folder, "coco", classes=[])
    for entry in list_in(content, "categories", path):
        key, name = key_of(_value(entry, "id")), text(_value(entry, "name"), "class name")
        labels.category_key[key] = name
        labels.classes.append(name)  # type: ignore[union-attr]
        labels.ids.append(("category", key))
    for entry in list_in(content, "images", path):
        image = Image(key_of(_value(entry, "id")), text(_value(entry, "file_name"), "file name"))
        if image.name.startswith(("..", "/")):
            raise NotLookedAt(f"{image.file_name!r} leaves its folder")
        image.width, image.height = (
            None if entry.get(side) is None else number(entry[side]) for side in ("width", "height")
        )
        image.fields = entry
        labels.images.append(image)
        labels.ids.append(("image", image.key))
    row = {image.key: index for index, image in enumerate(labels.images)}
    for entry in list_in(content, "annotations", path):
        sides = _value(entry, "bbox")
        if not isinstance(sides, list) or len(sides) != 4:
            raise NotLookedAt(f"{sides!r} is no box")
        x, y, width, height = map(number, sides)
        area = entry.get("area")
        labels.annotations.append(
            Annotation(
                image=row.get(key_of(_value(entry, "image_id"))),
                category=labels.category_key.get(key_of(_value(entry, "category_id"))),
                box=(x, y, width, height),
                crowd=bool(number(entry.get("iscrowd") or 0)),
                area=None if area is None else number(area),
            )
        )
        if entry.get("id") is not None:
            labels.ids.append(("annotation", key_of(entry["id"])))
    return labels


def _value(entry: Any, key: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise NotLookedAt(f"no {key!r} in {entry!r}")
    return entry[key]


def _images_of_folder(files: Files, labels: Labels) -> dict[str, int]:
    """List the image files of a split whose labels do not; the index of each by its stem."""
    rows: dict[str, int] = {}
    for name in names_below(files, labels.folder):
        if not is_image(files, f"{labels.folder}/{name}"):
            continue
        image = Image(key_of(name), name)
        size = size_of(files, f"{labels.folder}/{name}")
        if size is not None:
            image.width, image.height = size
        stem = name_of(PurePosixPath(name).with_suffix("").as_posix())
        if stem in rows:
            raise NotLookedAt(f"two images share the label of {stem!r}")
        rows[stem] = len(labels.images)
        labels.images.append(image)
    return rows


def _yolo(files: Files, path: str, folder: str, table: Table) -> Labels:
    labels = Labels(folder, "yolo")
    rows = _images_of_folder(files, labels)
    labels.classes = _yaml_names(files, text(table.get("classes"), "file of classes"))
    labels.category_key = {("number", at): name for at, name in enumerate(labels.classes)}
    unlabelled = set(rows)
    for name in names_below(files, path):
        if not name.endswith(".txt"):
            continue
        stem = name_of(PurePosixPath(name).with_suffix("").as_posix())
        row = rows.get(stem)
        unlabelled.discard(stem)
        if row is None:
            labels.strays.append(name)
            row = len(labels.images)
            labels.images.append(Image(key_of(stem), f"{stem}.jpg"))
        for line in text_of(read(files, f"{path}/{name}"), name).splitlines():
            words = line.split()
            if not words:
                continue
            if len(words) != 5 or not re.fullmatch(r"-?\d+", words[0]):
                raise NotLookedAt(f"{name}: {line!r} is no box")
            cx, cy, share_width, share_height = map(number, words[1:])
            shares = (cx - share_width / 2, cy - share_height / 2, share_width, share_height)
            image = labels.images[row]
            box = None
            if image.width is not None and image.height is not None:
                wide, high = image.width, image.height
                box = (shares[0] * wide, shares[1] * high, shares[2] * wide, shares[3] * high)
            category = labels.category_key.get(("number", int(words[0])))
            labels.annotations.append(Annotation(row, category, box, shares=shares))
    labels.unlabelled = sorted(unlabelled)
    return labels


def _yaml_names(files: Files, path: str) -> list[str]:
    """The names of a data.yaml as the generator writes it, by number."""
    names: dict[int, str] = {}
    lines = text_of(read(files, path), path).splitlines()
    if "names:" not in lines:
        raise NotLookedAt(f"{path}: no names")
    for line in lines[lines.index("names:") + 1 :]:
        entry = re.fullmatch(r"\s+(\d+):\s*(\S.*)", line)
        name = "" if entry is None else entry[2].strip().strip("'\"")
        if entry is None or names.setdefault(int(entry[1]), name) != name:
            raise NotLookedAt(f"{path}: {line!r} is no name")
    if not names or sorted(names) != list(range(len(names))):
        raise NotLookedAt(f"{path}: names {sorted(names)}")
    return [names[at] for at in range(len(names))]


def _xml(files: Files, path: str) -> ElementTree.Element:
    data = read(files, path)
    if data is None:
        raise NotLookedAt(f"{path}: no such file")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotLookedAt(f"{path}: no XML: {error}") from None


def _child(element: ElementTree.Element, path: str) -> str:
    found = element.findall(path)
    if len(found) != 1 or not (found[0].text or "").strip():
        raise NotLookedAt(f"no {path} in {element.tag}")
    return (found[0].text or "").strip()


def _corners(left: Any, top: Any, right: Any, bottom: Any) -> tuple[float, float, float, float]:
    x, y, end, base = map(number, (left, top, right, bottom))
    return (x, y, end - x, base - y)


def _voc(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "voc")
    rows = _images_of_folder(files, labels)
    unlabelled = set(rows)
    seen: set[str] = set()
    for name in names_below(files, path):
        if not name.endswith(".xml"):
            continue
        root = _xml(files, f"{path}/{name}")
        if root.tag != "annotation":
            raise NotLookedAt(f"{name}: {root.tag!r} is no annotation")
        file_name = _child(root, "filename")
        stem = name_of(PurePosixPath(file_name).with_suffix("").as_posix())
        if stem in seen:
            raise NotLookedAt(f"two files for {stem!r}")
        seen.add(stem)
        unlabelled.discard(stem)
        row = rows.get(stem)
        if row is None:
            labels.strays.append(name)
            row = len(labels.images)
            labels.images.append(Image(key_of(file_name), file_name))
        image = labels.images[row]
        size = root.find("size")
        if size is not None:
            image.width, image.height = (number(_child(size, one)) for one in ("width", "height"))
        for element in root:
            if element.tag not in ("filename", "size", "object", "folder", "path", "source"):
                labels.shapes.append(file_name)
        for thing in root.findall("object"):
            box = _corners(
                *(_child(thing, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
            )
            difficult = thing.findtext("difficult", "0").strip() not in ("0", "")
            labels.annotations.append(Annotation(row, _child(thing, "name"), box, difficult))
    labels.unlabelled = sorted(unlabelled)
    _classes_that_occur(labels)
    return labels


def _cvat(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "cvat")
    root = _xml(files, path)
    if root.tag != "annotations":
        raise NotLookedAt(f"{path}: {root.tag!r} is no file of CVAT")
    for element in root:
        if element.tag in ("version", "meta"):
            continue
        if element.tag != "image":
            raise NotLookedAt(f"{path}: {element.tag!r} is no image")
        name = element.get("name")
        image = Image(key_of(name), text(name, "name of an image"))
        image.width, image.height = (number(element.get(side)) for side in ("width", "height"))
        labels.images.append(image)
        for shape in element:
            if shape.tag != "box" or number(shape.get("rotation") or 0):
                labels.shapes.append(image.file_name)
                continue
            box = _corners(*(shape.get(side) for side in ("xtl", "ytl", "xbr", "ybr")))
            row = len(labels.images) - 1
            labels.annotations.append(Annotation(row, text(shape.get("label")), box))
        labels.ids.append(("image", image.key))
    _classes_that_occur(labels)
    return labels


def _openimages(files: Files, path: str, folder: str, table: Table) -> Labels:
    labels = Labels(folder, "openimages")
    rows = _images_of_folder(files, labels)
    unlabelled = set(rows)
    names = _names_of_codes(files, text(table.get("classes"), "file of classes"))
    lines = list(csv.reader(io.StringIO(text_of(read(files, path), path))))
    if not lines or not {"ImageID", "LabelName"} <= set(lines[0]):
        raise NotLookedAt(f"{path}: no header of Open Images")
    if len(set(lines[0])) < len(lines[0]):
        raise NotLookedAt(f"{path}: a column occurs twice")
    for line in lines[1:]:
        if not line:
            continue
        if len(line) != len(lines[0]):
            raise NotLookedAt(f"{path}: {line!r} has another number of columns")
        value = dict(zip(lines[0], line, strict=True))
        stem = name_of(value["ImageID"])
        unlabelled.discard(stem)
        if stem not in rows:
            labels.strays.append(value["ImageID"])
            rows[stem] = len(labels.images)
            labels.images.append(Image(key_of(stem), f"{stem}.jpg"))
        image = labels.images[rows[stem]]
        x, y, width, height = _corners(
            *(value.get(side) for side in ("XMin", "YMin", "XMax", "YMax"))
        )
        box = None
        if image.width is not None and image.height is not None:
            box = (x * image.width, y * image.height, width * image.width, height * image.height)
        category = names.get(value["LabelName"], value["LabelName"])
        crowd = (value.get("IsGroupOf") or "0") not in ("0", "")
        labels.annotations.append(
            Annotation(rows[stem], category, box, crowd, shares=(x, y, width, height))
        )
    labels.unlabelled = sorted(unlabelled)
    _classes_that_occur(labels)
    return labels


def _names_of_codes(files: Files, path: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for line in csv.reader(io.StringIO(text_of(read(files, path), path))):
        if line:
            if len(line) != 2 or names.setdefault(line[0], line[1]) != line[1]:
                raise NotLookedAt(f"{path}: {line!r} names no class")
    return names


def _classes_that_occur(labels: Labels) -> None:
    occur = sorted({one.category for one in labels.annotations if one.category is not None})
    labels.category_key = {key_of(name): name for name in occur}
    keys: list[Hashable] = [key_of(name) for name in occur]
    labels.ids += [("category", key) for key in keys]
