"""What was found on a split or probe, from the folders that detectors write."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from tests.campaign.oracle.folders import names_below, size_of
from tests.campaign.oracle.label_readers import yaml_names
from tests.campaign.oracle.labels import Labels
from tests.campaign.oracle.reading import NotLookedAtError, json_of, list_in, number, text_of
from tests.campaign.oracle.result_rows import Detection, Detections
from tests.campaign.project import Entry, read

Files = dict[str, Entry]
_INNER = ("labels", "preds")


def root_of(files: Files, path: str) -> str:
    """The folder that the detections are in: that itself, or one inside of it."""
    for root in (*(f"{path}/{name}" for name in _INNER), path):
        if _names(files, root):
            return root
    raise NotLookedAtError(f"{path}: no detections in this folder")


def _names(files: Files, root: str) -> list[str]:
    return [name for name in names_below(files, root) if name.lower().endswith((".txt", ".json"))]


def result_files(files: Files, path: str) -> list[str]:
    """The result files in a folder, which together are those of a split; none in a folder with a
    file for each image."""
    root = root_of(files, path)
    names = _names(files, root)
    for name in names:
        if not name.lower().endswith(".json"):
            return []
        content = json_of(read(files, f"{root}/{name}"), name, keys_twice=True)
        if not isinstance(content, (list, dict)) or "bboxes" in content:
            return []
    return [f"{root}/{name}" for name in names]


def has_rows(files: Files, path: str) -> bool:
    """Whether the files of a folder hold detections of any image."""
    root = root_of(files, path)
    for name in _names(files, root):
        data = read(files, f"{root}/{name}") or b""
        if data.strip() and not (
            name.lower().endswith(".json") and not json_of(data, name).get("labels")
        ):
            return True
    return False


def class_names(files: Files, path: str) -> list[str]:
    """The names of the classes, of a file beside the detections."""
    root = root_of(files, path)
    for folder in (root, PurePosixPath(root).parent):
        if read(files, f"{folder}/data.yaml") is not None:
            return yaml_names(files, f"{folder}/data.yaml")
    raise NotLookedAtError(f"{path}: nobody names its classes")


def read_folder(files: Files, path: str, labels: Labels, numbered: list[str] | None) -> Detections:
    """The detections of a folder with a file for each image. Numbers of classes without names are
    those of the split itself, or else `numbered`, those of the evaluated one."""
    root = root_of(files, path)
    try:
        classes = class_names(files, path)
    except NotLookedAtError:
        own = labels.classes if labels.format == "yolo" else numbered
        if own is None:
            raise
        classes = own
    names = _names(files, root)
    suffixes = {PurePosixPath(name).suffix.lower() for name in names}
    if len(suffixes) > 1:
        raise NotLookedAtError(f"{path}: files of several kinds: {names}")
    if set(labels.category_key.values()) - set(classes):
        raise NotLookedAtError(f"{path}: does not name all classes of the split")
    rows: list[Detection] = []
    seen = set()
    for name in names:
        image = _image(name, labels)
        if image in seen:
            raise NotLookedAtError(f"{path}: two files of one image")
        seen.add(image)
        read_file = _read_inferred if suffixes == {".json"} else _read_lines
        rows += read_file(files, f"{root}/{name}", labels, image, classes)
    if suffixes == {".json"} and len(seen) < len(labels.images):
        raise NotLookedAtError(f"{path}: has {len(seen)} of {len(labels.images)} images")
    return Detections(rows, classes, is_listed=suffixes == {".json"})


def _image(name: str, labels: Labels) -> int:
    stem = PurePosixPath(name).with_suffix("").name
    rows = [
        row for row, image in enumerate(labels.images) if PurePosixPath(image.name).stem == stem
    ]
    if len(rows) != 1:
        raise NotLookedAtError(f"{name} means {len(rows)} images")
    return rows[0]


def _read_lines(
    files: Files, path: str, labels: Labels, image: int, classes: list[str]
) -> list[Detection]:
    rows = []
    wide, high = labels.images[image].width, labels.images[image].height
    if wide is None or high is None:
        name = labels.images[image].file_name
        wide, high = size_of(files, f"{labels.folder}/{name}") or (None, None)
    for line in text_of(read(files, path), path).splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) != 6 or wide is None or high is None:
            raise NotLookedAtError(f"{path}: {line!r} is no detection")
        name = _class(words[0], classes)
        cx, cy, width, height, score = map(number, words[1:])
        if not all(map(math.isfinite, (cx, cy, width, height))) or not 0 <= score <= 1:
            raise NotLookedAtError(f"{path}: {line!r} is no detection")
        if min(width, height) < 0:
            raise NotLookedAtError(f"{path}: {line!r} has a size below 0")
        box = ((cx - width / 2) * wide, (cy - height / 2) * high, width * wide, height * high)
        rows.append(Detection(image, name, box, score))
    return rows


def _read_inferred(
    files: Files, path: str, labels: Labels, image: int, classes: list[str]
) -> list[Detection]:
    content = json_of(read(files, path), path)
    columns = [list_in(content, key, path) for key in ("labels", "scores", "bboxes")]
    if len({len(column) for column in columns}) != 1:
        raise NotLookedAtError(f"{path}: columns of several lengths")
    rows = []
    for label, text, corners in zip(*columns, strict=True):
        if not isinstance(corners, list) or len(corners) != 4:
            raise NotLookedAtError(f"{path}: {corners!r} is no box")
        left, top, right, bottom = map(number, corners)
        score = number(text)
        if not all(map(math.isfinite, (left, top, right, bottom))) or not 0 <= score <= 1:
            raise NotLookedAtError(f"{path}: {corners!r}, {text!r} is no detection")
        if right < left or bottom < top:
            raise NotLookedAtError(f"{path}: {corners!r} is inverted")
        box = (left, top, right - left, bottom - top)
        rows.append(Detection(image, _class(label, classes), box, score))
    return rows


def _class(value: object, classes: list[str]) -> str:
    index = number(value, "class number")
    if index not in range(len(classes)):
        raise NotLookedAtError(f"{value!r} is no class number")
    return classes[int(index)]
