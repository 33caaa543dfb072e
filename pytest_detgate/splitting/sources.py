"""COCO files as they were written: the text of each entry with all its fields, and the tables of
the reader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.ids import repeated
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError
from pytest_detgate.splitting.json_text import Entry, entries_of, table_of
from pytest_detgate.splitting.whole import require_clips


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
    top = table_of(as_utf8(read_bytes(path), path))
    return Source(
        path=path,
        dataset=dataset,
        clip=clips.clip,
        images=_entries(top, "images"),
        annotations=_entries(top, "annotations"),
        categories=_entries(top, "categories"),
        licenses=_entries(top, "licenses"),
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


def _entries(top: Entry, key: str) -> list[msgspec.Raw]:
    return entries_of(bytes(top[key]) if key in top else None)
