"""COCO files as they were written: the text of each entry with all its fields, and the tables of
the reader."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.ids import repeated
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError
from pytest_detgate.splitting.whole import require_clips

Entry = dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One COCO file: its tables, the clip of each image, and the text of each entry.

    `top` holds the values of the file by key, in its order.
    """

    path: Path
    dataset: Dataset
    clip: NDArray[np.object_]
    top: Entry
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]
    licenses: list[msgspec.Raw]


def read_source(path: Path, images_dir: Path, key: ClipKey) -> Source:
    """Read a COCO file to split it. A file in which the clip of an image or the image of an
    annotation is not certain raises `DataError`."""
    fields = () if key.field is None else (key.field,)
    dataset = read_coco(path, images_dir, path.stem, fields)
    if not len(dataset.images):
        raise DataError(f"{path}: no images")
    twice = repeated(dataset.images.id)
    if twice:
        raise DataError(f"{path}: image id {twice[0]!r} is used for several images")
    clips = clips_of(dataset.images, key)
    require_clips(dataset, clips, path)
    top = _top(as_utf8(read_bytes(path), path))
    return Source(
        path=path,
        dataset=dataset,
        clip=clips.clip,
        images=_list(top["images"]),
        annotations=_list(top.get("annotations")),
        categories=_list(top["categories"]),
        licenses=_list(top.get("licenses")),
        top=top,
    )


def clip_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern, which must have a group `clip`; else `DataError`."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise DataError(f"--frame-pattern: not a regular expression: {error}") from None
    if "clip" not in pattern.groupindex:
        raise DataError("--frame-pattern: the pattern has no group named clip; write (?P<clip>...)")
    return pattern


def fields_of(entry: msgspec.Raw) -> Entry:
    """Return the fields of an entry, each as text."""
    fields: Entry = _decode(bytes(entry), Entry)
    return fields


def value_of(raw: msgspec.Raw) -> Any:
    """Return the value of a field's text."""
    return _decode(bytes(raw), Any)


def raw_of(value: Any) -> msgspec.Raw:
    """Return the text of a value."""
    return msgspec.Raw(msgspec.json.encode(value))


def join_entries(entries: Sequence[msgspec.Raw]) -> bytes:
    """Return a list of entries as text, one entry on each line."""
    return b"[\n" + b",\n".join(bytes(entry) for entry in entries) + b"\n]"


def _top(content: bytes) -> Entry:
    top: Entry = _decode(content, Entry)
    return top


def _list(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    return [] if raw is None else _decode(bytes(raw), list[msgspec.Raw])


def _decode(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        # Real files hold NaN and Infinity, which msgspec refuses; `json` reads and writes them.
        value = json.loads(content)
        if kind is Entry:
            return {key: _raw_with_nan(entry) for key, entry in value.items()}
        return [_raw_with_nan(entry) for entry in value] if kind == list[msgspec.Raw] else value


def _raw_with_nan(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
