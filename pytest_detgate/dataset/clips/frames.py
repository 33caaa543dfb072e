"""Where in its clip a frame is, and how far it is from the frames of another table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clips import ClipKey, Clips, field_values
from pytest_detgate.dataset.clips.name_groups import groups_of
from pytest_detgate.dataset.tables import ImageTable

# Differences of two such numbers fit into 64 bits.
_LARGEST = 1 << 62

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FrameKey:
    """How to tell an image's clip and frame number: the number by the group `frame` of the
    clip's pattern, or by a field of the image."""

    clip: ClipKey
    pattern: re.Pattern[str] | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The clip and frame number of each image of a table.

    `clip` (n,) object, None where clip or number is unknown; `numbered` (n,) bool is False
    for single photos, which have no frame number; `number` (n,) int64, 0 for those.
    """

    clip: NDArray[np.object_]
    number: NDArray[np.int64]
    numbered: NDArray[np.bool_]

    @property
    def unparsed(self) -> Rows:
        """Rows of the images whose clip or frame number is unknown."""
        return Clips(self.clip).unparsed


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """For each of n tested images: `row` of the nearest reference frame of the same clip, -1
    where there is none to compare with, and its `distance` in frames, -1 likewise.

    `same_clip` (n,) bool: the reference holds the clip. `unknown` (n,) bool: it holds images
    of the clip whose distance is unknown, as only one of the two has a frame number.
    """

    row: Rows
    distance: Rows
    same_clip: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def frames_of(images: ImageTable, clips: Clips, key: FrameKey) -> Frames:
    """Tell the frame number of every image; a field that no image has raises `DataError`."""
    if key.field is not None:
        values: Sequence[Any] = field_values(images, key.field, "frame-field")
    else:
        assert key.pattern is not None
        values = groups_of(images.file_name.tolist(), key.pattern, ["frame"])["frame"]
    return numbered_frames(clips, values)


def numbered_frames(clips: Clips, values: Sequence[Any]) -> Frames:
    """The frames with these numbers, texts or numbers; None for an image that has none."""
    clip = clips.clip.copy()
    number = np.zeros(len(values), dtype=np.int64)
    numbered = np.zeros(len(values), dtype=np.bool_)
    for row, value in enumerate(values):
        if value is None:
            continue
        whole = whole_number(value)
        if whole is None:
            clip[row] = None
        else:
            number[row] = whole
            numbered[row] = True
    return Frames(clip=clip, number=number, numbered=numbered)


def nearest_frames(tested: Frames, reference: Frames) -> Nearest:
    """Find the nearest reference frame of the same clip for every tested image.

    Two photos of one clip without a frame number are the same image: their distance is 0.
    """
    codes: dict[Any, int] = {None: 0}
    of_tested, of_reference = (
        np.array([codes.setdefault(clip, len(codes)) for clip in frames.clip.tolist()], np.int64)
        for frames in (tested, reference)
    )
    # Reference images of no clip are left out, so that tested ones of none, code 0, find nothing.
    in_reference = of_reference > 0
    n = len(tested.clip)
    row = np.full(n, -1, dtype=np.int64)
    distance = np.full(n, -1, dtype=np.int64)
    has_frames, has_photos = (
        np.bincount(of_reference[in_reference & chosen], minlength=len(codes)) > 0
        for chosen in (reference.numbered, ~reference.numbered)
    )
    photos = np.flatnonzero(~tested.numbered)
    listed = np.flatnonzero(in_reference & ~reference.numbered)
    position, is_listed = _positions(of_tested[photos], of_reference[listed])
    row[photos[is_listed]] = listed[position[is_listed]]
    distance[photos[is_listed]] = 0
    frames = np.flatnonzero(tested.numbered)
    listed = np.flatnonzero(in_reference & reference.numbered)
    near, steps = _nearest_numbers(
        of_tested[frames], tested.number[frames], of_reference[listed], reference.number[listed]
    )
    row[frames] = np.where(near >= 0, listed[near] if len(listed) else -1, -1)
    distance[frames] = steps
    return Nearest(
        row=row,
        distance=distance,
        same_clip=(has_frames | has_photos)[of_tested],
        unknown=np.where(
            tested.numbered, has_photos[of_tested], has_frames[of_tested] & (distance < 0)
        ),
    )


def _positions(wanted: Rows, listed: Rows) -> tuple[Rows, NDArray[np.bool_]]:
    """First place of each wanted value among the listed ones, and whether there is one."""
    if not len(listed):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    values, first = np.unique(listed, return_index=True)
    position = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return first[position], values[position] == wanted


def _nearest_numbers(clip: Rows, number: Rows, of_clip: Rows, listed: Rows) -> tuple[Rows, Rows]:
    """For each (clip, number) the place of the nearest listed (of_clip, listed) of the same clip
    and the difference; -1 where the clip is not listed. Of two equally near ones the earlier."""
    if not len(listed):
        return np.full(len(clip), -1), np.full(len(clip), -1)
    wanted, there = _in_one(clip, number, of_clip, listed)
    order = np.argsort(there, kind="stable")
    after = np.searchsorted(there[order], wanted)
    candidates = [order[np.clip(after + shift, 0, len(order) - 1)] for shift in (-1, 0)]
    # Larger than any difference, for a neighbour that belongs to another clip.
    steps = [
        np.where(
            of_clip[position] == clip, np.abs(listed[position] - number), np.iinfo(np.int64).max
        )
        for position in candidates
    ]
    position = np.where(steps[0] <= steps[1], candidates[0], candidates[1])
    least = np.minimum(*steps)
    same = of_clip[position] == clip
    return np.where(same, position, -1), np.where(same, least, -1)


def _in_one(clip: Rows, number: Rows, of_clip: Rows, listed: Rows) -> tuple[Rows, Rows]:
    """Clip and number in one integer, ordered by clip and then by number."""
    numbers = np.concatenate([number, listed])
    clips = np.concatenate([clip, of_clip])
    low, high = int(numbers.min()), int(numbers.max())
    span = high - low + 1
    if (int(clips.max()) + 1) * span < 1 << 63:
        offset = numbers - low
    else:
        # Numbers may be time stamps; their ranks leave room for the clip in the same 64 bits.
        values, offset = np.unique(numbers, return_inverse=True)
        offset, span = offset.ravel(), len(values)
    joined = clips * span + offset
    return joined[: len(clip)], joined[len(clip) :]


def whole_number(value: object) -> int | None:
    """A frame number from text or a number; None where it is no whole number, or one of more
    digits than any clip has frames."""
    if isinstance(value, str):
        try:
            number = int(value) if "_" not in value else None  # Python takes 1_0 for 10
        except ValueError:  # also where it has thousands of digits
            return None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        return None
    return number if number is not None and -_LARGEST < number < _LARGEST else None
