"""Labels of every format, from the files of a project."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tests.campaign.oracle.folders import is_image, names_below
from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.openimages_labels import read_openimages
from tests.campaign.oracle.reading import (
    NotLookedAtError,
    json_of,
    key_of,
    list_in,
    name_of,
    number,
    text,
    text_of,
)
from tests.campaign.oracle.split_images import list_images, longest_tails, require_some_label
from tests.campaign.oracle.tool_labels import (
    read_datumaro,
    read_kitti,
    read_labelme,
    read_labelstudio,
    read_scalabel,
)
from tests.campaign.oracle.xml_labels import read_cvat, read_voc
from tests.campaign.project import Entry, read, resolved

Files = dict[str, Entry]
Table = dict[str, Any]


def read_labels(files: Files, table: Table) -> Labels:
    """The labels of a table under `[dataset.splits]` or `[probes]`; the composed and the decomposed
    name of a class are one."""
    labels = _read(files, table)
    for annotation in labels.annotations:
        if annotation.category is not None:
            annotation.category = _composed(annotation.category)
    if labels.classes is not None:
        labels.classes = list(map(_composed, labels.classes))
    labels.category_key = {key: _composed(name) for key, name in labels.category_key.items()}
    return labels


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _read(files: Files, table: Table) -> Labels:
    folder = text(table.get("images"), "folder of images") or "."
    if "annotations" not in table:
        return _folder(files, folder)
    path = text(table["annotations"], "path of annotations")
    name = table.get("format", "coco")
    if name == "yolo":
        return _yolo(files, path, folder, table)
    if name == "openimages":
        return read_openimages(files, path, folder, table)
    if name not in READERS:
        raise NotLookedAtError(f"no format {name!r}")
    return READERS[name](files, path, folder)


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
            raise NotLookedAtError(f"{image.file_name!r} leaves its folder")
        image.width, image.height = (
            None if entry.get(side) is None else number(entry[side]) for side in ("width", "height")
        )
        image.fields = entry
        labels.images.append(image)
        labels.ids.append(("image", image.key))
    row = {image.key: index for index, image in enumerate(labels.images)}
    if isinstance(content, dict) and "annotations" not in content:
        # Says nothing of any image, and some rules look at images alone.
        labels.unlabelled = [image.file_name for image in labels.images]
        return labels
    images = {(image.key, image.name, image.width, image.height) for image in labels.images}
    categories = [key for kind, key in labels.ids if kind == "category"]
    of_images = [key for key, *_ in images]
    of_classes = [key for key, _ in set(zip(categories, labels.classes or [], strict=True))]
    for entry in list_in(content, "annotations", path):
        for field, ids in (("image_id", of_images), ("category_id", of_classes)):
            key = key_of(_value(entry, field))
            labels.shared += [key] if ids.count(key) > 1 else []
        sides = _value(entry, "bbox")
        if not isinstance(sides, list) or len(sides) != 4:
            raise NotLookedAtError(f"{sides!r} is no box")
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
        raise NotLookedAtError(f"no {key!r} in {entry!r}")
    return entry[key]


def _yolo(files: Files, path: str, folder: str, table: Table) -> Labels:
    labels = Labels(folder, "yolo")
    rows = list_images(files, labels, table.get("list"))
    # Without a file of classes that beside the labels counts, or in the folder above.
    beside = [f"{folder}/data.yaml" for folder in (path, str(PurePosixPath(path).parent))]
    usual = next((name for name in beside if read(files, name) is not None), None)
    labels.classes = yaml_names(files, text(table.get("classes", usual), "file of classes"))
    labels.category_key = {("number", index): name for index, name in enumerate(labels.classes)}
    unlabelled = set(rows)
    texts = [name for name in names_below(files, path) if name.lower().endswith(".txt")]
    stems = {name: name_of(PurePosixPath(name).with_suffix("").as_posix()) for name in texts}
    missing = _of_missing_images(files, labels, rows, list(stems.values()))
    for name, stem in stems.items():
        stem = missing.get(stem, stem)
        row = rows.get(stem)
        unlabelled.discard(stem)
        if row is None and "list" in table:
            continue  # of another split
        if row is None:
            labels.strays.append(name)
            row = len(labels.images)
            labels.images.append(Image(key_of(stem), f"{stem}.jpg"))
        for line in text_of(read(files, f"{path}/{name}"), name).splitlines():
            words = line.split()
            if not words:
                continue
            if len(words) != 5 or not re.fullmatch(r"-?\d+", words[0]):
                raise NotLookedAtError(f"{name}: {line!r} is no box")
            cx, cy, share_width, share_height = map(number, words[1:])
            shares = (cx - share_width / 2, cy - share_height / 2, share_width, share_height)
            image = labels.images[row]
            box = None
            if image.width is not None and image.height is not None:
                wide, high = image.width, image.height
                box = (shares[0] * wide, shares[1] * high, shares[2] * wide, shares[3] * high)
            category = labels.category_key.get(("number", int(words[0])))
            labels.annotations.append(Annotation(row, category, box, shares=shares))
    require_some_label(rows, unlabelled)
    labels.unlabelled = sorted(unlabelled)
    return labels


def _of_missing_images(
    files: Files, labels: Labels, rows: dict[str, int], stems: list[str]
) -> dict[str, str]:
    """Of a listed image that is missing, the label file with the longest matching tail: a list
    may have any folders in front."""
    collected: dict[str, str] = {}
    for stem, row in rows.items():
        path = f"{labels.folder}/{labels.images[row].file_name}"
        best = longest_tails(stem, stems)
        if resolved(files, path) is None and stem not in stems and len(best) == 1:
            collected[best[0]] = stem
    return collected


def yaml_names(files: Files, path: str) -> list[str]:
    """The names of a data.yaml as the generator writes it, by number."""
    names: dict[int, str] = {}
    lines = text_of(read(files, path), path).splitlines()
    if "names:" not in lines:
        raise NotLookedAtError(f"{path}: no names")
    for line in lines[lines.index("names:") + 1 :]:
        if not line.strip():
            continue
        entry = re.fullmatch(r"\s+(\d+):\s*(\S.*)", line)
        name = "" if entry is None else entry[2].strip().strip("'\"")
        if entry is None or names.setdefault(int(entry[1]), name) != name:
            raise NotLookedAtError(f"{path}: {line!r} is no name")
    if not names or sorted(names) != list(range(len(names))):
        raise NotLookedAtError(f"{path}: names {sorted(names)}")
    return [_composed(names[index]) for index in range(len(names))]


READERS: dict[str, Callable[[Files, str, str], Labels]] = {
    "coco": _coco,
    "voc": read_voc,
    "cvat": read_cvat,
    "labelme": read_labelme,
    "labelstudio": read_labelstudio,
    "kitti": read_kitti,
    "scalabel": read_scalabel,
    "datumaro": read_datumaro,
}
"""The reader of each format that needs no more than its path and the folder of images."""
FORMATS = {*READERS, "yolo", "openimages"}
"""All formats that are read here."""
