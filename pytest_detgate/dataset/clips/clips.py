"""Which clip a frame belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.name_groups import NameGroups, groups_of
from pytest_detgate.dataset.keys import keys, near_key
from pytest_detgate.dataset.tables import ImageTable, object_column
from pytest_detgate.errors import DataError


@dataclass(frozen=True, slots=True)
class ClipKey:
    """How to tell the clip of an image: by a pattern on its file name, or by one of its fields."""

    pattern: re.Pattern[str] | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """The clip of each image of a table: (n,) object, None where it is unknown. Clips are
    keys, so that one clip is one text in all files."""

    clip: NDArray[np.object_]

    @property
    def unparsed(self) -> NDArray[np.int64]:
        """Rows of the images whose clip is unknown."""
        return np.flatnonzero([clip is None for clip in self.clip.tolist()])


def clips_of(images: ImageTable, key: ClipKey) -> Clips:
    """Tell the clip of every image; a field that no image has raises `DataError`."""
    if key.field is not None:
        return Clips(_clips_from_field(images, key.field))
    assert key.pattern is not None
    groups = groups_of(images.file_name.tolist(), key.pattern, ["clip"])
    return clips_in_names(groups)


def clips_in_names(groups: NameGroups) -> Clips:
    """Tell the clip of every image by the groups of its file name."""
    return Clips(_with_names(keys(groups["clip"])))


def _clips_from_field(images: ImageTable, field: str) -> NDArray[np.object_]:
    return _with_names(keys(field_values(images, field, "clip-field")))


def _with_names(clips: list[str | None]) -> NDArray[np.object_]:
    """The clips, None where there is only blank text, as a table has it where it has no value."""
    blank = {clip for clip in set(clips) if clip is not None and not clip.strip()}
    return object_column([None if clip in blank else clip for clip in clips] if blank else clips)


def near_clips(tested: NDArray[np.object_], reference: NDArray[np.object_]) -> dict[int, str]:
    """Return the rows of the tested images whose clip may be one of the reference written in
    another way (letter case, blanks), with that clip; they are not known to differ."""
    listed = set(reference.tolist()) - {None}
    of_near = {near_key(clip): clip for clip in sorted(listed, reverse=True)}
    near = {
        clip: of_near[near_key(clip)]
        for clip in set(tested.tolist()) - listed - {None}
        if near_key(clip) in of_near
    }
    if not near:
        return {}
    return {row: near[clip] for row, clip in enumerate(tested.tolist()) if clip in near}


def field_values(images: ImageTable, field: str, option: str) -> list[Any]:
    """One value an image, None where it lacks the field; `DataError` where no image has it."""
    values = field_column(images, field)
    if values and all(value is None for value in values):
        raise DataError(f"no image has the field {field!r} that {option} names")
    return values


def field_column(images: ImageTable, field: str) -> list[Any]:
    """One value an image, None where it lacks the field or has NaN, which some write where a table
    had no value; one None for a field that no image was read with, as a folder has none at all."""
    column: list[Any] = images.fields[field].tolist() if field in images.fields else [None]
    return [None if value != value else value for value in column]
