"""Settings that the metadata of an ONNX file contains: ours, and those of Ultralytics."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.config.tables.onnx_table import OnnxTable
from pytest_detgate.config.wording import expected, value_text
from pytest_detgate.errors import DetectorError, nearest

METADATA_PREFIX = "detgate."
_LARGEST_SIDE = 1 << 31
_CLASS_KEYS = ("names", "classes", "class_names", "class-names", "labels", "label_names")
EPOCH = "detgate.epoch"
"""The number of epochs that the model was trained for, which a sweep shows."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the file; a side of its shape that may vary is a name or None."""

    name: str
    shape: tuple[int | str | None, ...]
    type: str

    def __str__(self) -> str:
        return f"{self.name} {[side if isinstance(side, int) else '?' for side in self.shape]}"


def own_settings(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings under our prefix, in JSON or as plain text."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(OnnxTable)}
    values = {}
    for name, text in metadata.items():
        if not name.startswith(METADATA_PREFIX) or name == EPOCH:
            continue
        key = name.removeprefix(METADATA_PREFIX)
        if key not in fields:
            raise DetectorError(
                f"{path}: its metadata has {name!r}, and there is no such key{nearest(key, fields)}"
                f" (allowed: {', '.join(fields)})"
            )
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            value = text
        try:
            values[key] = msgspec.to_builtins(msgspec.convert(value, fields[key].type))
        except msgspec.ValidationError:
            raise DetectorError(
                f"{path}: its metadata {name!r}: expected {expected_value(key)}, found "
                f"{value_text(value)}"
            ) from None
    return values


def ultralytics_settings(metadata: Mapping[str, str], outputs: Sequence[Port]) -> dict[str, Any]:
    """Read what the exporter of Ultralytics writes, and add what is true of all its detectors."""
    names = class_list(metadata.get("names"))
    if metadata.get("task", "detect") != "detect" or names is None:
        return {}
    values: dict[str, Any] = {"classes": names}
    size = _literal(metadata.get("imgsz"))
    if isinstance(size, list) and len(size) == 2 and all(map(_is_side, size)):
        values["size"] = size
    if "Ultralytics" not in metadata.get("author", "") + metadata.get("description", ""):
        return values
    values |= {"resize": "letterbox", "channel-order": "rgb", "divide-by": 255}
    shape = outputs[0].shape if len(outputs) == 1 else ()
    if len(shape) == 3 and shape[1] == 4 + len(names):
        values |= {"layout": "raw", "boxes": "cxcywh"}
    elif len(shape) == 3 and shape[2] == 6:
        values["layout"] = "rows"
    return values


def _is_side(size: object) -> bool:
    return type(size) is int and 0 < size < _LARGEST_SIDE


def other_class_lists(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the class names that a file has under other usual keys."""
    lists = {key: class_list(metadata.get(key)) for key in _CLASS_KEYS}
    return {key: names for key, names in lists.items() if names}


def class_list(text: str | None) -> list[str] | None:
    """Read class names, as a list or by their number, in Python's form or in JSON; None for
    anything else."""
    try:
        return _class_list(text or "")
    except (ValueError, RecursionError):  # also a number of too many digits to be shown
        return None


def _class_list(text: str) -> list[str] | None:
    value = _literal(text)
    if not isinstance(value, (list, tuple, dict)):
        value = msgspec.json.decode(text)
    if isinstance(value, dict):
        by_number = {str(number): name for number, name in value.items()}
        if set(by_number) != set(map(str, range(len(by_number)))):
            return None
        value = [by_number[str(number)] for number in range(len(by_number))]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    return [str(name) for name in value]


def ultralytics_defaults(metadata: Mapping[str, str]) -> dict[str, float]:
    """Return settings that an export of Ultralytics leaves open, with the defaults of Ultralytics.

    They are a proposal for a first `detgate.toml`: the export may have been made with others.
    """
    if "Ultralytics" not in metadata.get("author", "") + metadata.get("description", ""):
        return {}
    arguments = _literal(metadata.get("args"))
    if isinstance(arguments, dict) and arguments.get("nms"):
        values = {"score-floor": 0.25}
    elif _literal(metadata.get("end2end")) is True:
        values = {"score-floor": 0.001}
    else:
        values = {"nms-iou": 0.7}
    return {key: value for key, value in values.items() if METADATA_PREFIX + key not in metadata}


def _literal(text: str | None) -> Any:
    try:
        return ast.literal_eval(text or "")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def expected_value(key: str) -> str:
    """Say which values a setting takes."""
    (kind,) = (f.type for f in msgspec.structs.fields(OnnxTable) if f.encode_name == key)
    return expected(kind)
