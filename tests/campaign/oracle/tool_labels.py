"""Labels of annotation tools, from the files of a project: LabelMe, KITTI, Label Studio, Scalabel,
Datumaro and CVAT for video.

Only what the generator writes is understood: a shape that it does not write is not looked at.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import PurePosixPath
from typing import Any

from tests.campaign.oracle.folders import is_image, names_below
from tests.campaign.oracle.labels import Annotation, Box, Image, Labels
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
from tests.campaign.oracle.split_images import (
    add_sizes,
    corners,
    is_tail,
    list_images,
    longest_tails,
    name_classes,
    require_some_label,
)
from tests.campaign.project import Entry, read

Files = dict[str, Entry]


def read_labelme(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "labelme")
    rows = list_images(files, labels)
    unlabelled, seen, strange = set(rows), set(), list[str]()
    for name in names_below(files, path):
        if name.lower().endswith(".txt") or PurePosixPath(name).name.startswith("."):
            continue
        if is_image(files, f"{path}/{name}"):
            continue  # images lie beside their labels; one without a label is unlabelled
        if not name.lower().endswith(".json"):
            strange.append(name)
            continue
        content = json_of(read(files, f"{path}/{name}"), name)
        written = text(_value(content, "imagePath")).replace("\\", "/")
        stem = _stem((PurePosixPath(name).parent / written).as_posix())
        near = longest_tails(stem, list(rows))
        stem = near[0] if stem not in rows and len(near) == 1 else stem
        if stem in seen:
            raise NotLookedAtError(f"two files for {stem!r}")
        seen.add(stem)
        unlabelled.discard(stem)
        row = _row(labels, rows, stem, name, PurePosixPath(written).suffix or ".jpg")
        image = labels.images[row]
        image.width = _size(content.get("imageWidth"), image.width)
        image.height = _size(content.get("imageHeight"), image.height)
        for shape in list_in(content, "shapes", name):
            points = _value(shape, "points")
            if _value(shape, "shape_type") != "rectangle" or len(points) != 2:
                labels.shapes.append(image.file_name)
                continue
            sides = [number(side) for point in points for side in _pair(point)]
            labels.annotations.append(
                Annotation(row, _class(_value(shape, "label")), _spanned(*sides))
            )
    require_some_label(rows, unlabelled)
    # What looks at no label is not concerned by other files among them.
    labels.unlabelled = sorted(unlabelled) + strange
    name_classes(labels)
    return labels


def read_kitti(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "kitti")
    rows = list_images(files, labels)
    unlabelled = set(rows)
    for name in names_below(files, path):
        if not name.lower().endswith(".txt"):
            continue
        stem = _stem(name)
        near = longest_tails(stem, list(rows))
        stem = near[0] if stem not in rows and len(near) == 1 else stem
        unlabelled.discard(stem)
        row = _row(labels, rows, stem, name)
        for line in text_of(read(files, f"{path}/{name}"), name).splitlines():
            words = line.split()
            if not words:
                continue
            if len(words) != 15:
                raise NotLookedAtError(f"{name}: {line!r} is no label")
            values = [number(word) for word in words[1:]]
            if any(value != value or abs(value) == float("inf") for value in values):
                raise NotLookedAtError(f"{name}: {line!r} is no label")
            box = corners(*values[3:7])
            if min(box[2:]) < 0:
                raise NotLookedAtError(f"{name}: {line!r} is inverted")
            labels.annotations.append(Annotation(row, words[0], box))
    require_some_label(rows, unlabelled)
    labels.unlabelled = sorted(unlabelled)
    name_classes(labels)
    return labels


def read_labelstudio(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "labelstudio")
    tasks = json_of(read(files, path), path)
    if not isinstance(tasks, list):
        raise NotLookedAtError(f"{path}: no list of tasks")
    for task in tasks:
        image = _listed(labels, text(_value(_value(task, "data"), "image")))
        row = len(labels.images) - 1
        done = [
            entry
            for entry in list_in(task, "annotations", path)
            if not isinstance(entry, dict) or not entry.get("was_cancelled")
        ]
        if len(done) > 1:
            raise NotLookedAtError(f"{path}: {len(done)} annotations of one task")
        if not done:
            labels.unlabelled.append(image.file_name)
            continue
        for result in list_in(done[0], "result", path):
            value = _value(result, "value")
            names = value.get("rectanglelabels") if isinstance(value, dict) else None
            if result.get("type") != "rectanglelabels":
                labels.shapes.append(image.file_name)
                continue
            if not isinstance(names, list) or len(names) != 1:
                raise NotLookedAtError(f"{path}: {result!r} has no class")
            image.width = number(_value(result, "original_width"))
            image.height = number(_value(result, "original_height"))
            x, y, width, height = (number(_value(value, key)) for key in _SIDES)
            box = _turned(
                x * image.width / 100,
                y * image.height / 100,
                width * image.width / 100,
                height * image.height / 100,
                number(value.get("rotation", 0)),
            )
            labels.annotations.append(Annotation(row, _class(names[0]), box))
    return _checked(files, labels, path)


def read_scalabel(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "scalabel")
    content = json_of(read(files, path), path)
    config: dict[str, Any] = {}
    if isinstance(content, dict):
        config = content.get("config") or {}
        content = list_in(content, "frames", path)
    for frame in content:
        image = _listed(labels, text(_value(frame, "name")))
        size = frame.get("size")
        if isinstance(size, dict):
            stated = [number(_value(size, side)) for side in _SIDES[2:]]
            image.width, image.height = (side if math.isfinite(side) else None for side in stated)
        if frame.get("labels") is None:
            labels.unlabelled.append(image.file_name)
            continue
        for entry in list_in(frame, "labels", path):
            box2d = entry.get("box2d")
            if box2d is None:
                labels.shapes.append(image.file_name)
                continue
            x, y, width, height = corners(*(_value(box2d, key) for key in ("x1", "y1", "x2", "y2")))
            if min(width, height) < 0:
                raise NotLookedAtError(f"{path}: {entry!r} is inverted")
            box = (x, y, width + 1, height + 1)
            row, message = len(labels.images) - 1, entry.get("attributes") or {}
            crowd = message.get("crowd") not in (False, None, 0, "", "0", "false")
            labels.annotations.append(
                Annotation(row, _class(_value(entry, "category")), box, crowd)
            )
    categories = config.get("categories")
    if categories is not None:
        labels.classes = [text(_value(category, "name")) for category in categories]
        for entry in labels.annotations:
            entry.category = entry.category if entry.category in labels.classes else None
    return _checked(files, labels, path)


def read_datumaro(files: Files, path: str, folder: str) -> Labels:
    labels = Labels(folder, "datumaro")
    content = json_of(read(files, path), path)
    listed = list_in(_value(_value(content, "categories"), "label"), "labels", path)
    names = [text(_value(entry, "name")) for entry in listed]
    labels.classes = list(dict.fromkeys(names))
    for item in list_in(content, "items", path):
        media = item.get("image") if isinstance(item, dict) else None
        media = media if isinstance(media, dict) else {}
        image = _listed(labels, text(media.get("path") or _value(item, "id")))
        size = media.get("size")
        if size is not None:
            image.height, image.width = (number(side) for side in _pair(size))
        for entry in list_in(item, "annotations", path):
            if entry.get("type") != "bbox":
                labels.shapes.append(image.file_name)
                continue
            sides = list_in(entry, "bbox", path)
            if len(sides) != 4:
                raise NotLookedAtError(f"{path}: {entry!r} is no box")
            label = number(_value(entry, "label_id"))
            if label not in range(len(names)):
                raise NotLookedAtError(f"{path}: {entry!r} is of no class")
            x, y, width, height = map(number, sides)
            message = entry.get("attributes") or {}
            crowd = message.get("is_crowd") not in (False, None, 0, "", "0", "false")
            row = len(labels.images) - 1
            box = (x, y, width, height)
            labels.annotations.append(Annotation(row, names[int(label)], box, crowd))
    return _checked(files, labels, path)


def read_cvat_video(files: Files, root: ElementTree.Element, path: str, folder: str) -> Labels:
    """The images are the frames of the task, each called by its number."""
    labels = Labels(folder, "cvat")
    tasks = root.findall("meta/task")
    if len(tasks) != 1:
        raise NotLookedAtError(f"{path}: {len(tasks)} tasks")
    start, stop = (number(tasks[0].findtext(key)) for key in ("start_frame", "stop_frame"))
    step = re.search(r"step\s*=\s*(\d+)", tasks[0].findtext("frame_filter") or "")
    frames = range(int(start), int(stop) + 1, int(step[1]) if step else 1)
    if not frames or len(frames) > 1000:
        raise NotLookedAtError(f"{path}: frames {frames}")
    called: dict[int, str] = {}
    for name in names_below(files, folder):
        digits = re.findall(r"\d+", PurePosixPath(name).stem)
        if is_image(files, f"{folder}/{name}") and digits:
            if int(digits[-1]) in called:
                raise NotLookedAtError(f"{path}: two images are frame {digits[-1]}")
            called[int(digits[-1])] = name
    named = [element.text or "" for element in root.findall("meta/task/labels/label/name")]
    labels.classes = list(dict.fromkeys(named)) or None
    for frame in frames:
        _listed(labels, called.get(frame, f"frame_{frame:06d}.png"))
    for track in root:
        if track.tag in ("version", "meta"):
            continue
        if track.tag != "track":
            raise NotLookedAtError(f"{path}: {track.tag!r} is no track")
        _add_track(labels, track, frames, path)
    return _checked(files, labels, path)


def _add_track(labels: Labels, track: ElementTree.Element, frames: range, path: str) -> None:
    """A box stays until the next one of its track, on the way to which it moves, or until it is
    outside. Of a shape that is outside nothing else is read."""
    shapes: dict[int, ElementTree.Element] = {}
    for shape in track:
        index = number(shape.get("frame"))
        is_box = shape.tag == "box" or _is_outside(shape)
        if not is_box or index not in frames or index in shapes:
            raise NotLookedAtError(f"{path}: {shape.attrib} in a track")
        shapes[int(index)] = shape
    current: tuple[float, float, float, float] | None = None
    for row, index in enumerate(frames):
        if index in shapes:
            current = None if _is_outside(shapes[index]) else _upright(shapes[index], path)
        elif current is not None and any(other > index for other in shapes):
            follows = min(other for other in shapes if other > index)
            if not _is_outside(shapes[follows]):
                raise NotLookedAtError(f"{path}: a box that moves")
        if current is not None:
            category = _class(track.get("label"))
            labels.annotations.append(Annotation(row, category, current))


def _is_outside(shape: ElementTree.Element) -> bool:
    message = shape.get("outside", "0")
    if message not in ("0", "1"):
        raise NotLookedAtError(f"outside is {message!r}")
    return message == "1"


def _upright(shape: ElementTree.Element, path: str) -> Box:
    if number(shape.get("rotation") or 0):
        raise NotLookedAtError(f"{path}: a turned box")
    return corners(*(shape.get(side) for side in ("xtl", "ytl", "xbr", "ybr")))


_SIDES = ("x", "y", "width", "height")


def _listed(labels: Labels, name: str) -> Image:
    image = Image(key_of(name), name)
    labels.images.append(image)
    labels.ids.append(("image", image.key))
    return image


def _checked(files: Files, labels: Labels, path: str) -> Labels:
    """Labels that list their images: some of them have to be labelled, and each is listed once. A
    name without suffix is that of the file that has one; there may be other folders in front."""
    there = names_below(files, labels.folder)
    there = [name for name in there if is_image(files, f"{labels.folder}/{name}")]
    for image in labels.images:
        own = [name for name in there if _stem(name) == image.name]
        own = own or [name for name in there if is_tail(image.name, name_of(name))]
        if len(own) == 1 and image.file_name not in there:
            image.file_name = own[0]
    if len({image.name for image in labels.images}) < len(labels.images):
        raise NotLookedAtError(f"{path}: two of its images are one file")
    labels.require_identity()
    add_sizes(files, labels)
    if labels.images and len(labels.unlabelled) == len(labels.images):
        raise NotLookedAtError(f"{path}: none of its images is labelled")
    classes = labels.classes
    name_classes(labels)
    if classes is not None:
        labels.classes = classes
        labels.category_key |= {key_of(name): name for name in classes}
    return labels


def _row(labels: Labels, rows: dict[str, int], stem: str, name: str, suffix: str = ".jpg") -> int:
    """The image of a label; one that is not there is added."""
    if stem not in rows:
        labels.strays.append(name)
        rows[stem] = len(labels.images)
        labels.images.append(Image(key_of(stem), f"{stem}{suffix}"))
    return rows[stem]


def _stem(path: str) -> str:
    return name_of(PurePosixPath(path).with_suffix("").as_posix())


def _value(entry: Any, key: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise NotLookedAtError(f"no {key!r} in {entry!r}")
    return entry[key]


def _pair(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise NotLookedAtError(f"{value!r} are not two numbers")
    return value


def _class(value: Any) -> str:
    name = text(value, "class")
    if not name.strip():
        raise NotLookedAtError("a class without name")
    return name


def _size(value: Any, otherwise: float | None) -> float | None:
    return otherwise if value is None else number(value)


def _turned(x: float, y: float, width: float, height: float, degrees: float) -> Box:
    """The frame of a box that is turned clockwise around its left upper corner."""
    if not degrees % 360:
        return x, y, width, height
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ends = [(0, 0), (width, 0), (0, height), (width, height)]
    xs = [x + right * cos - down * sin for right, down in ends]
    ys = [y + right * sin + down * cos for right, down in ends]
    return corners(min(xs), min(ys), max(xs), max(ys))


def _spanned(x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
    """The box between two corners, in any order."""
    return corners(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
