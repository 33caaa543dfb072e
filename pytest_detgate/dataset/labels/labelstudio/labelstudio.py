"""Label Studio's JSON export to tables: a file that lists its tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.counts import counted
from pytest_detgate.dataset.labels.box_columns import NO_PLAIN_BOXES, PlainBoxes
from pytest_detgate.dataset.labels.image_labels import FLAGS, ImageLabels, numbers_from_1
from pytest_detgate.dataset.labels.image_tables import listed_dataset
from pytest_detgate.dataset.labels.labelstudio.labelstudio_boxes import PlainTasks
from pytest_detgate.dataset.labels.labelstudio.labelstudio_images import (
    image_entry,
    names_in_folder,
    refuse_second_image,
)
from pytest_detgate.dataset.labels.shape_boxes import (
    Frame,
    frame_of_points,
    frame_of_turned_box,
    turn_of,
)
from pytest_detgate.dataset.labels.tables import SplitFiles, digest_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

# The shape of a region and its class may be two results with one id.
_CLASSES = ("rectanglelabels", "polygonlabels", "labels", "ellipselabels")
# Words about an image or a region. Any other type is a region that is no box.
_SIDES = ("x", "y", "width", "height")
_NO_SHAPES = frozenset(
    {"choices", "taxonomy", "textarea", "rating", "number", "datetime", "pairwise", "ranker"}
    | {"relation"}
)


class _Result(msgspec.Struct, gc=False):
    type: str
    value: dict[str, Any] = {}  # a relation has none
    id: str = ""
    from_name: str = ""
    to_name: Any = None
    original_width: float | None = None
    original_height: float | None = None
    image_rotation: float = 0.0


class _Annotation(msgspec.Struct, gc=False):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(msgspec.Struct, gc=False):
    data: dict[str, Any]
    annotations: list[_Annotation]
    id: Any = None


def read_labelstudio(files: SplitFiles) -> Dataset:
    """Read the JSON export of a project (not JSON-MIN). A task that nobody annotated, or that was
    skipped, is `unlabelled`. Of several annotations the one marked as ground truth counts; without
    such a mark they raise `DataError`. Choices about an image are image fields, by the name of
    their control; so are the plain values of `data`."""
    path = files.labels
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    content = read_bytes(path)
    read = _plain_entries(content, files) or (_entries(content, files), NO_PLAIN_BOXES)
    entries, plain = read
    return listed_dataset(files, entries, None, digest_of([("", content)]), plain=plain)


def _entries(content: bytes, files: SplitFiles) -> list[ImageLabels]:
    path = files.labels
    try:
        tasks = decode_json(content, list[_Task], path, strict=False)
    except DataError as error:
        if "missing required field" in str(error):
            raise DataError(
                f"{error}; export the project as JSON, neither as JSON-MIN nor as CSV"
            ) from None
        raise
    names = names_in_folder(files)
    entries = [_entry(task, number, files, names) for number, task in enumerate(tasks, start=1)]
    refuse_second_image((name for task in tasks for name in _image_names(task)), path)
    return entries


def _plain_entries(
    content: bytes, files: SplitFiles
) -> tuple[list[ImageLabels], PlainBoxes] | None:
    """The entries of a file of plain tasks, among which may be others; None for text that has to be
    changed before it can be decoded, and for what is no list of tasks."""
    try:
        listed = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    plain, names = PlainTasks(), names_in_folder(files)
    entries: list[ImageLabels] = []
    on: dict[str, None] = {}
    for number, raw in enumerate(listed, start=1):
        task = plain.read(raw)
        if task is None:
            try:
                other = decode_json(bytes(raw), _Task, files.labels, strict=False)
            except DataError:
                return None  # the place is in the whole file
            plain.learn(raw)
            entries.append(_entry(other, number, files, names))
            on.update(dict.fromkeys(_image_names(other)))
            continue
        own, data, size, start, count = task
        entry = image_entry(data, f"task {number if own is None else own}", files, names)
        entry.start, entry.ids = start, numbers_from_1(count)
        if size is not None:
            entry.size = size
        entries.append(entry)
    refuse_second_image(on, files.labels)
    return entries, plain.boxes()


def _image_names(task: _Task) -> Iterator[str]:
    """What the project calls the images that regions of a task are on: of no other place does a
    region say the size."""
    for annotation in task.annotations:
        for region in annotation.result:
            if region.original_width is not None and region.to_name:
                yield str(region.to_name)


def _entry(task: _Task, number: int, files: SplitFiles, names: Container[str]) -> ImageLabels:
    path = files.labels
    where = f"task {number if task.id is None else task.id}"
    entry = image_entry(task.data, where, files, names)
    annotation = _annotation(task, where, path)
    entry.is_labelled = annotation is not None
    results = [] if annotation is None else annotation.result
    classes = {result.id: result for result in results if result.type in _CLASSES and result.id}
    choices = {result.id: result for result in results if result.type == "choices" and result.id}
    for row, result in enumerate(results, start=1):
        if not _add_upright(result, row, choices, entry):
            _add(result, row, classes, choices.get(result.id), path, entry)
    return entry


def _annotation(task: _Task, where: str, path: Path) -> _Annotation | None:
    made = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    true = [annotation for annotation in made if annotation.ground_truth]
    chosen = true or made
    if len(chosen) > 1:
        raise DataError(
            f"{path}: {where} has "
            f"{counted(len(chosen), 'annotation')}{' marked as ground truth' if true else ''}; "
            "mark one of them as ground truth, or delete the others"
        )
    return chosen[0] if chosen else None


def _add_upright(
    result: _Result, number: int, choices: dict[str, _Result], entry: ImageLabels
) -> bool:
    """Add an upright box of one class, as nearly all are; False where it may be anything else."""
    if result.type != "rectanglelabels" or result.image_rotation or result.id in choices:
        return False
    value, width, height = result.value, result.original_width, result.original_height
    names: Any = value.get("rectanglelabels")
    four: list[Any] = [value.get(side) for side in _SIDES]
    if not all(type(side) is float or (type(side) is int and abs(side) < 1e9) for side in four):
        return False
    if value.get("rotation") or "points" in value or "radiusX" in value:
        return False
    if not width or not height or not isinstance(names, list) or len(names) != 1:
        return False
    if not isinstance(names[0], str) or not names[0].strip():
        return False
    x, y, w, h = map(float, four)
    entry.size = width, height
    box = (x * width / 100, y * height / 100, w * width / 100, h * height / 100)
    entry.add(names[0], box, number)
    return True


def _add(
    result: _Result,
    number: int,
    classes: dict[str, _Result],
    choices: _Result | None,
    path: Path,
    entry: ImageLabels,
) -> None:
    value, kind = result.value, result.type
    has_place = "x" in value or "points" in value
    if kind in _NO_SHAPES or (kind not in _CLASSES and result.id in classes):
        if kind == "choices" and not has_place:
            entry.fields[result.from_name] = ", ".join(_choices(value))
        return
    if kind not in _CLASSES:
        entry.others.append((kind, _class(result)))
        return
    what = f"{entry.where}: {kind} {number}"
    if result.image_rotation:
        raise DataError(f"{path}: {what}: the image was turned in Label Studio; turn its file")
    name = _class(result)
    if name is None:
        named = json.dumps(value.get(kind), ensure_ascii=False)
        raise DataError(f"{path}: {what}: expected one class in `{kind}`, found {named}")
    if kind == "labels" and not has_place:
        entry.others.append(("label without a box", name))
        return
    width, height = result.original_width, result.original_height
    if not width or not height:
        raise DataError(f"{path}: {what} has no original_width and original_height")
    entry.size = width, height
    flags: list[str] = []
    if choices is not None:
        marks = {choice.lower() for choice in _choices(choices.value)}
        flags = [flag for flag in FLAGS if flag in marks]
    entry.add(name, _frame(value, width, height, what, path, entry), number, flags)


def _choices(value: dict[str, Any]) -> list[str]:
    chosen = value.get("choices")
    # A bare NaN is no choice.
    return (
        [str(choice) for choice in chosen if choice == choice] if isinstance(chosen, list) else []
    )


def _frame(
    value: dict[str, Any], width: float, height: float, what: str, path: Path, entry: ImageLabels
) -> Frame:
    """The box of a region, whose numbers are per cent of the image."""
    if "points" in value:
        points = _numbers(value, "points", what, path)
        entry.framed.append(what)
        scaled = [
            number * (height if number_of_side % 2 else width) / 100
            for number_of_side, number in enumerate(points)
        ]
        return frame_of_points(scaled, what, path)
    x, y = (_number(value, name, what, path) for name in ("x", "y"))
    x, y = x * width / 100, y * height / 100
    turn = turn_of(value.get("rotation"), what, path)
    if "radiusX" in value:
        a = _number(value, "radiusX", what, path) * width / 100
        b = _number(value, "radiusY", what, path) * height / 100
        entry.framed.append(what)
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        half_x, half_y = math.hypot(a * cos, b * sin), math.hypot(a * sin, b * cos)
        return x - half_x, y - half_y, 2 * half_x, 2 * half_y
    w = _number(value, "width", what, path) * width / 100
    h = _number(value, "height", what, path) * height / 100
    if turn % 360 == 0:
        return x, y, w, h
    # Turned clockwise around its left upper corner.
    entry.framed.append(what)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    cx, cy = x + (w * cos - h * sin) / 2, y + (w * sin + h * cos) / 2
    return frame_of_turned_box(cx, cy, w, h, turn)


def _class(result: _Result) -> str | None:
    """The one class of a region; None where it has none or several."""
    names = result.value.get(result.type)
    if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str):
        return names[0] if names[0].strip() else None
    return None


def _number(value: dict[str, Any], name: str, what: str, path: Path) -> float:
    number = value.get(name)
    try:
        if type(number) is float or type(number) is int:  # nearly always
            return float(number)
        return msgspec.convert(number, float, strict=False)
    except (msgspec.ValidationError, OverflowError):
        raise DataError(
            f"{path}: {what}: expected a number in `{name}`, found {value.get(name)!r}"
        ) from None


def _numbers(value: dict[str, Any], name: str, what: str, path: Path) -> list[float]:
    try:
        pairs = msgspec.convert(value[name], list[tuple[float, float]], strict=False)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {what}: `{name}`: {error}") from None
    return [number for pair in pairs for number in pair]
