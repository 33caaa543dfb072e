"""What was found on a split or probe, from a result file or from the detector of the project."""

from __future__ import annotations

import math
import os
import struct
import unicodedata
from pathlib import PurePosixPath
from typing import Any

from tests.campaign.detections import DETECTOR
from tests.campaign.oracle.folders import is_regular, names_below
from tests.campaign.oracle.labels import Labels
from tests.campaign.oracle.reading import (
    Key,
    NotKnownHereError,
    NotLookedAtError,
    json_of,
    key_of,
    list_in,
    name_of,
    number,
    text,
)
from tests.campaign.oracle.result_folders import class_names, read_folder, result_files
from tests.campaign.oracle.result_rows import Detection, Detections
from tests.campaign.oracle.split_images import is_tail
from tests.campaign.project import Entry, read

Files = dict[str, Entry]


def read_results(
    files: Files, path: str, labels: Labels, numbered: list[str] | None = None
) -> Detections:
    """The detections of a result file; it has to cover every image and class that it can name.
    `numbered` are the classes of the evaluated split, where that numbers them."""
    if is_folder(files, path):
        several = result_files(files, path)
        if not several:
            return read_folder(files, path, labels, numbered)
        with_rows = [file for file in several if names_rows(files, file)]
        parts = [read_results(files, file, labels) for file in with_rows or several]
        together = [row for part in parts for row in part.rows]
        return Detections(together, parts[0].classes, all(part.is_listed for part in parts))
    content = json_of(read(files, path), path)
    if isinstance(content, list):
        content = {"annotations": content}
    rows = list_in(content, "annotations", path)
    if not rows and "images" not in content:
        raise NotLookedAtError(f"{path}: no detection, and no list of the images that were seen")
    image_of = _images(content, labels, path)
    classes, category_of = _classes(content, labels, path)
    collected = []
    for row in rows:
        sides = row.get("bbox") if isinstance(row, dict) else None
        if not isinstance(sides, list) or len(sides) != 4:
            raise NotLookedAtError(f"{path}: {row!r} is no detection")
        x, y, width, height = map(number, sides)
        score = number(row.get("score"))
        if not all(map(math.isfinite, (x, y, width, height))) or not 0 <= score <= 1:
            raise NotLookedAtError(f"{path}: {row!r} is no detection")
        if width < 0 or height < 0:
            raise NotLookedAtError(f"{path}: {row!r} has a size below 0")
        image, category = key_of(row.get("image_id")), key_of(row.get("category_id"))
        if image not in image_of or category not in category_of:
            raise NotLookedAtError(f"{path}: {row!r} is on no image or of no class")
        index = image_of[image]
        if index is not None:
            name = category_of[category]
            collected.append(Detection(index, name, (x, y, width, height), score))
    return Detections(collected, classes, "images" in content)


def _images(content: Any, labels: Labels, path: str) -> dict[Key, int | None]:
    """The image of each id; None for one that the file names and the split does not have."""
    if "images" in content:
        # By name: then two entries of one name cannot be told apart.
        # Outer blanks make no other file, unless two differ by nothing else.
        names = [image.name.strip() for image in labels.images]
        if len(set(names)) < len(names):
            raise NotLookedAtError(f"{path}: two images have one name")
        rows = {name: index for index, name in enumerate(names)}
        image_of: dict[Key, int | None] = {}
        for entry in list_in(content, "images", path):
            if not isinstance(entry, dict):
                raise NotLookedAtError(f"{path}: {entry!r} is no image")
            key = key_of(entry.get("id"))
            if key in image_of:
                raise NotLookedAtError(f"{path}: image id {key} is used twice")
            written = name_of(entry.get("file_name")).strip()
            # There may be folders in front of either, if it can be no other image.
            meant = [name for name in names if is_tail(written, name)]
            image_of[key] = rows.get(
                meant[0] if len(meant) == 1 and written not in rows else written
            )
        there = [index for index in image_of.values() if index is not None]
        if len(set(there)) < len(there):
            raise NotLookedAtError(f"{path}: lists an image twice")
        if len(there) < len(rows):
            raise NotLookedAtError(f"{path}: lists {len(there)} of {len(rows)} images")
        return image_of
    labels.require_identity()
    by_id: dict[Key, int | None] = {}
    several: set[Key] = set()
    for index, image in enumerate(labels.images):
        location = PurePosixPath(image.file_name)
        by_id |= {key_of(name): index for name in (image.file_name, image.name)}
        for key in {key_of(location.name), key_of(location.stem)}:
            if by_id.setdefault(key, index) != index:
                several.add(key)
    by_id = {key: index for key, index in by_id.items() if key not in several}
    return by_id | {image.key: index for index, image in enumerate(labels.images)}


def _counts_from_0_or_1(rows: list[Any], n_classes: int) -> bool:
    ids = [row.get("category_id") for row in rows if isinstance(row, dict)]
    return bool(ids) and all(entry in range(1, n_classes) for entry in ids)


def _classes(content: Any, labels: Labels, path: str) -> tuple[list[str] | None, dict[Key, str]]:
    if content.get("categories") is None:
        if labels.format == "folder":
            raise NotLookedAtError(f"{path}: ids of classes that nobody names")
        if labels.format == "yolo" and _counts_from_0_or_1(
            content["annotations"], len(labels.category_key)
        ):
            raise NotKnownHereError(f"{path}: ids that may count from 0 or from 1")
        return None, labels.category_key
    category_of: dict[Key, str] = {}
    for entry in list_in(content, "categories", path):
        if not isinstance(entry, dict):
            raise NotLookedAtError(f"{path}: {entry!r} is no class")
        key = key_of(entry.get("id"))
        name = unicodedata.normalize("NFC", text(entry.get("name"), "class name"))
        if key in category_of or name in category_of.values():
            raise NotLookedAtError(f"{path}: class {name!r} or its id occurs twice")
        category_of[key] = name
    names = list(category_of.values())
    missing = set(labels.category_key.values()) - set(names)
    if missing or not names:
        raise NotLookedAtError(f"{path}: does not name the classes {sorted(missing)}")
    return names, category_of


def read_answers(files: Files, labels: Labels, path: str) -> Detections:
    """What the detector of the project answers for every image of a split or probe, from its
    file of answers."""
    if read(files, "detector.py") != DETECTOR.encode():
        raise NotLookedAtError("the detector is another one")
    content = answers_in(files, path)
    classes = list_in(content, "classes", path)
    if not classes or not all(isinstance(name, str) for name in classes):
        raise NotLookedAtError("a class of the detector has no name")
    if len(set(classes)) < len(classes):
        raise NotLookedAtError("two classes of the detector have one name")
    answers = content.get("answers")
    collected = []
    for index, image in enumerate(labels.images):
        name = os.path.normpath(f"{labels.folder}/{image.file_name}")
        if not is_regular(files, name):
            raise NotLookedAtError(f"{name}: no such image")
        rows = answers.get(name) if isinstance(answers, dict) else None
        if rows in ("", {}):
            rows = []  # the detector finds nothing in it
        if not isinstance(rows, list):
            raise NotLookedAtError(f"no answer for {name}")
        for row in rows:
            if not isinstance(row, list) or len(row) < 6:
                raise NotLookedAtError(f"{row!r} is no answer")
            left, top, right, bottom, score = map(number, row[:5])
            category = row[5]
            if isinstance(category, (int, float)) and category in range(len(classes)):
                category = classes[int(category)]
            if category not in classes or not 0 <= score <= 1:
                raise NotLookedAtError(f"{row!r} is no answer")
            if not all(map(math.isfinite, (left, top, right, bottom))):
                raise NotLookedAtError(f"{row!r} is not finite")
            box = (left, top, right - left, bottom - top)
            # A gate takes what a model answers as single precision: 0.2 is over 0.2 then.
            (score,) = struct.unpack("f", struct.pack("f", score))
            collected.append(Detection(index, category, box, score))
    return Detections(collected, list(classes), is_listed=True)


def answers_in(files: Files, path: str) -> Any:
    """What a file of answers holds; one that is a checkpoint holds it in a list."""
    # Of a key that occurs twice Python takes the last, and so does this detector.
    content = json_of(read(files, path), path, keys_twice=True)
    return content[0] if isinstance(content, list) and content else content


def names_rows(files: Files, path: str) -> bool:
    """Whether a result file has a detection."""
    content = json_of(read(files, path), path, keys_twice=True)
    return bool(content if isinstance(content, list) else content.get("annotations"))


def is_folder(files: Files, path: str) -> bool:
    """Whether a path is a folder of results."""
    return read(files, path) is None and bool(names_below(files, os.path.normpath(path)))


def names_in_results(files: Files, path: str) -> list[str]:
    """The names of the classes that a result file or folder has."""
    if is_folder(files, path):
        several = result_files(files, path)
        if not several:
            return class_names(files, path)
        return [name for file in several for name in names_in_results(files, file)]
    content = json_of(read(files, path), path, keys_twice=True)
    return [text(entry.get("name")) for entry in list_in(content, "categories", path)]
