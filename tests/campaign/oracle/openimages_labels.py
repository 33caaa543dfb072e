"""Labels of Open Images, from the files of a project."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.reading import NotLookedAtError, key_of, name_of, text, text_of
from tests.campaign.oracle.split_images import (
    corners,
    list_images,
    longest_tails,
    name_classes,
    require_some_label,
)
from tests.campaign.project import Entry, read

Files = dict[str, Entry]


_COLUMNS = {
    name.lower(): name
    for name in ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsGroupOf", "Confidence")
}


def read_openimages(files: Files, path: str, folder: str, table: dict[str, Any]) -> Labels:
    labels = Labels(folder, "openimages")
    rows = list_images(files, labels)
    unlabelled = set(rows)
    # Without a file of names a class is called by its code.
    path_of_names = table.get("classes")
    names = {} if path_of_names is None else _names_of_codes(files, text(path_of_names, "classes"))
    lines = list(csv.reader(io.StringIO(text_of(read(files, path), path))))
    if lines:
        lines[0] = [_COLUMNS.get(name.lower(), name) for name in lines[0]]
    if not lines or not {"ImageID", "LabelName"} <= set(lines[0]):
        raise NotLookedAtError(f"{path}: no header of Open Images")
    if len(set(lines[0])) < len(lines[0]):
        raise NotLookedAtError(f"{path}: a column occurs twice")
    for line in lines[1:]:
        if not line:
            continue
        if len(line) != len(lines[0]):
            raise NotLookedAtError(f"{path}: {line!r} has another number of columns")
        value = dict(zip(lines[0], line, strict=True))
        stem = name_of(value["ImageID"])
        near = longest_tails(stem, list(rows))
        stem = near[0] if stem not in rows and len(near) == 1 else stem
        unlabelled.discard(stem)
        if stem not in rows:
            labels.strays.append(value["ImageID"])
            rows[stem] = len(labels.images)
            labels.images.append(Image(key_of(stem), f"{stem}.jpg"))
        image = labels.images[rows[stem]]
        x, y, width, height = corners(
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
    require_some_label(rows, unlabelled)
    labels.unlabelled = sorted(unlabelled)
    name_classes(labels)
    return labels


def _names_of_codes(files: Files, path: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for line in csv.reader(io.StringIO(text_of(read(files, path), path))):
        if line and (len(line) != 2 or names.setdefault(line[0], line[1]) != line[1]):
            raise NotLookedAtError(f"{path}: {line!r} names no class")
    return names
