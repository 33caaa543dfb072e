"""When the images of a table were taken: the clip of each, its place in that, and its time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.time_stamps import TimeUnit
from pytest_detgate.errors import DataError

UNTIMED = -1
"""Clip of an image whose clip or time is not known."""
LONGEST_JUMP = 1 << 12
"""Positions between two frames at most: nothing is linked over so many."""
TOLERANCE_S = 1e-6
"""Times no further apart than this are equal: dates in seconds have no more digits."""

Rows = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """How to tell the time of a frame: by its number and `fps` frames a second, or by time stamps
    that the group of the pattern or the image field `time_field` has. Numbers of frames that follow
    each other differ by `step`."""

    fps: float | None = None
    step: int = 1
    time_field: str | None = None
    unit: TimeUnit = "s"


@dataclass(frozen=True, eq=False)
class Timeline:
    """The frames of C clips, for each image of a table.

    `clips` (C,) names, `clip` (n,) their index, `UNTIMED` where clip or time is not known. A clip
    has a piece more for each pause; `piece` (n,) numbers the pieces of all clips. `position` (n,)
    counts frames within a piece, missing ones too. `time_s` (n,) is in seconds on the clock of the
    clip, NaN where it is not known, `lasts_s` (n,) the time that a frame covers: until the next
    one. `missing` (C,) are frames that are not there, `pauses` (C,) the pauses. An image whose clip
    or time is not known has the piece `UNTIMED`, the position 0, and lasts 0 s.
    """

    clips: tuple[str, ...]
    clip: Rows
    piece: Rows
    position: Rows
    time_s: NDArray[np.float64]
    lasts_s: NDArray[np.float64]
    missing: Rows
    pauses: Rows

    @property
    def untimed(self) -> Rows:
        """Rows of the images whose clip or time is not known."""
        return np.flatnonzero(self.clip == UNTIMED)

    @property
    def hours_of_clips(self) -> NDArray[np.float64]:
        """(C,) the hours that were looked at: pauses and missing frames do not count."""
        timed = self.clip != UNTIMED
        seconds = np.bincount(self.clip[timed], self.lasts_s[timed], minlength=len(self.clips))
        return seconds / 3600

    @property
    def hours(self) -> float:
        """The hours that were looked at on all clips together."""
        return float(self.hours_of_clips.sum())

    @cached_property
    def ends_s(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(C,) the times of the first and of the last frame of each clip."""
        timed = np.flatnonzero(self.clip != UNTIMED)
        first, last = np.full(len(self.clips), np.inf), np.full(len(self.clips), -np.inf)
        np.minimum.at(first, self.clip[timed], self.time_s[timed])
        np.maximum.at(last, self.clip[timed], self.time_s[timed])
        return first, last


@dataclass(frozen=True, slots=True, eq=False)
class FramesOfClips:
    """What is known of n images: `clip` (n,) object, None where it is not known, `number` (n,)
    frame numbers, `numbered` (n,) where there is one, and `stamp_s` (n,) time stamps, NaN where
    there is none. Either may be missing for all."""

    clip: NDArray[np.object_]
    number: Rows | None = None
    numbered: NDArray[np.bool_] | None = None
    stamp_s: NDArray[np.float64] | None = None


def timeline_of(frames: FramesOfClips, timing: FrameTiming, pause_s: float) -> Timeline:
    """Order the frames of each clip.

    With `fps` frames need numbers. With time stamps a time over `pause_s` between two frames is a
    pause; numbers, where there are some, say which frames are missing, and without them nobody can
    say. `DataError` where two frames of a clip have one number or time, or where numbers do not
    fit the step.
    """
    names = sorted({clip for clip in frames.clip.tolist() if clip is not None})
    index = {name: number for number, name in enumerate(names)}
    clip = np.fromiter((index.get(clip, UNTIMED) for clip in frames.clip.tolist()), dtype=np.int64)
    if frames.numbered is not None:
        clip[~frames.numbered] = UNTIMED
    if frames.stamp_s is not None:
        clip[np.isnan(frames.stamp_s)] = UNTIMED
    timed = np.flatnonzero(clip != UNTIMED)
    by = frames.stamp_s if frames.number is None else frames.number
    assert by is not None
    timed = timed[np.lexsort((by[timed], clip[timed]))]
    ordered = _Ordered(tuple(names), clip[timed], np.diff(clip[timed], prepend=UNTIMED) != 0)
    jump = _jumps(ordered, None if frames.number is None else frames.number[timed], timing.step)
    if frames.stamp_s is None:
        assert frames.number is not None
        assert timing.fps is not None
        time_s: NDArray[np.float64] = frames.number[timed] / timing.fps
        pause, lasts_s = _steady(len(timed), timing.step / timing.fps)
    else:
        time_s = frames.stamp_s[timed]
        pause, lasts_s = _durations(ordered, time_s, pause_s)
    begins = ordered.first | pause
    missing = np.where(begins, 0, jump - 1)
    return Timeline(
        clips=tuple(names),
        clip=clip,
        piece=_column(np.cumsum(begins) - 1, timed, len(clip), UNTIMED),
        position=_column(np.cumsum(np.minimum(jump, LONGEST_JUMP)), timed, len(clip), 0),
        time_s=_column(time_s, timed, len(clip), np.nan),
        lasts_s=_column(lasts_s, timed, len(clip), 0),
        missing=np.bincount(ordered.clip, missing, minlength=len(names)).astype(np.int64),
        pauses=np.bincount(ordered.clip[pause], minlength=len(names)),
    )


def _column(values: NDArray[Number], timed: Rows, images: int, otherwise: float) -> NDArray[Number]:
    """A value for each image, from those of the `timed` ones."""
    column = np.full(images, otherwise, dtype=values.dtype)
    column[timed] = values
    return column


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """Frames by clip and then by time: the clip of each, and whether it is the first of that."""

    names: tuple[str, ...]
    clip: Rows
    first: NDArray[np.bool_]

    def name(self, index: int) -> str:
        return f"clip {self.names[self.clip[index]]!r}"


def _jumps(ordered: _Ordered, number: Rows | None, step: int) -> Rows:
    """How many positions each frame is after the one before it; 1 for the first of a clip."""
    if number is None:
        return np.ones_like(ordered.clip)
    difference = np.diff(number, prepend=number[:1])
    difference[ordered.first] = step
    twice = np.flatnonzero(difference == 0)
    if len(twice):
        raise DataError(f"{ordered.name(twice[0])} has frame {number[twice[0]]} twice")
    jump, rest = np.divmod(difference, step)
    odd = np.flatnonzero(rest)
    if len(odd):
        row = odd[0]
        raise DataError(
            f"{ordered.name(row)}: frame {number[row]} after {number[row - 1]} does not fit "
            f"frame-step = {step}"
        )
    return jump


def _steady(frames: int, lasts_s: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """No pauses, and the same time for each frame."""
    return np.zeros(frames, dtype=np.bool_), np.full(frames, lasts_s)


def _durations(
    ordered: _Ordered, time_s: NDArray[np.float64], pause_s: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Before which frames there is a pause, and the time that each covers."""
    difference = np.diff(time_s, prepend=time_s[:1])
    wrong = np.flatnonzero(~ordered.first & (difference <= 0))
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{ordered.name(row)}: two frames that follow each other have the times "
            f"{time_s[row - 1]:.15g} s and {time_s[row]:.15g} s"
        )
    pause = ~ordered.first & (difference > pause_s + TOLERANCE_S)
    inside = ~ordered.first & ~pause
    if len(time_s) and not inside.any():
        raise DataError(
            f"no two frames of a clip are at most pause-s = {pause_s:g} s apart, so it is not "
            "known how long a frame lasts"
        )
    lasts_s = _typical(ordered, difference, inside)
    before_another = np.flatnonzero(inside) - 1
    lasts_s[before_another] = difference[before_another + 1]
    return pause, lasts_s


def _typical(
    ordered: _Ordered, difference: NDArray[np.float64], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The median time from a frame to the next in the clip of each frame; in a clip without such
    a time that of all clips."""
    clip, seconds = ordered.clip[inside], difference[inside]
    if not len(clip):
        return difference
    by_size = np.lexsort((seconds, clip))
    known, start, count = np.unique(clip, return_index=True, return_counts=True)
    typical = np.full(len(ordered.names), np.median(seconds))
    typical[known] = seconds[by_size[start + count // 2]]
    return typical[ordered.clip]
