"""Labels of Pascal VOC and CVAT, from the files of a project."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import PurePosixPath

from tests.campaign.oracle.folders import names_below
from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.reading import NotLookedAtError, key_of, name_of, number, text
from tests.campaign.oracle.split_images import (
    add_sizes,
    corners,
    list_images,
    longest_tails,
    name_classes,
    require_some_label,
)
from tests.campaign.oracle.tool_labels import read_cvat_video
from tests.campaign.project import Entry, read

Files = dict[str, Entry]


def read_voc(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "voc")
    rows = list_images(files, labels)
    unlabelled = set(rows)
    seen: set[str] = set()
    for name in names_below(files, path):
        if not name.lower().endswith(".xml"):
            continue
        root = _xml(files, f"{path}/{name}")
        if root.tag != "annotation":
            raise NotLookedAtError(f"{name}: {root.tag!r} is no annotation")
        file_name = _child(root, "filename")
        stem = name_of(PurePosixPath(file_name).with_suffix("").as_posix())
        near = longest_tails(stem, list(rows))
        stem = near[0] if stem not in rows and len(near) == 1 else stem
        if stem in seen:
            raise NotLookedAtError(f"two files for {stem!r}")
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
            image.width, image.height = (number(_child(size, name)) for name in ("width", "height"))
        for element in root:
            if element.tag not in ("filename", "size", "object", "folder", "path", "source"):
                labels.shapes.append(file_name)
        for thing in root.findall("object"):
            box = corners(
                *(_child(thing, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
            )
            difficult = thing.findtext("difficult", "0").strip() not in ("0", "")
            labels.annotations.append(Annotation(row, _child(thing, "name"), box, difficult))
    require_some_label(rows, unlabelled)
    labels.unlabelled = sorted(unlabelled)
    name_classes(labels)
    return labels


def read_cvat(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "cvat")
    root = _xml(files, path)
    if root.tag != "annotations":
        raise NotLookedAtError(f"{path}: {root.tag!r} is no file of CVAT")
    if root.find(".//track") is not None:
        return read_cvat_video(files, root, path, folder)
    for element in root:
        if element.tag in ("version", "meta"):
            continue
        if element.tag != "image":
            raise NotLookedAtError(f"{path}: {element.tag!r} is no image")
        name = element.get("name")
        image = Image(key_of(name), text(name, "name of an image"))
        sides = [element.get(side) for side in ("width", "height")]
        if None not in sides:
            image.width, image.height = map(number, sides)
        labels.images.append(image)
        for shape in element:
            if shape.tag != "box" or number(shape.get("rotation") or 0):
                labels.shapes.append(image.file_name)
                continue
            box = corners(*(shape.get(side) for side in ("xtl", "ytl", "xbr", "ybr")))
            row = len(labels.images) - 1
            labels.annotations.append(Annotation(row, text(shape.get("label")), box))
        labels.ids.append(("image", image.key))
    add_sizes(files, labels)
    name_classes(labels)
    listed = [element.text or "" for element in root.findall("meta/task/labels/label/name")]
    labels.classes = list(dict.fromkeys(listed)) or None
    labels.category_key |= {key_of(name): name for name in listed}
    return labels


def _xml(files: Files, path: str) -> ElementTree.Element:
    data = read(files, path)
    if data is None:
        raise NotLookedAtError(f"{path}: no such file")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotLookedAtError(f"{path}: no XML: {error}") from None


def _child(element: ElementTree.Element, path: str) -> str:
    result = element.findall(path)
    if len(result) != 1 or not (result[0].text or "").strip():
        raise NotLookedAtError(f"no {path} in {element.tag}")
    return (result[0].text or "").strip()
