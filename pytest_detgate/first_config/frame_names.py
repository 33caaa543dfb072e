"""A frame pattern proposed from file names, with the evidence for it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.record.formatting import counted

# What tools write in place of the suffix of a video, before the number of the frame.
_VIDEO = re.compile(r"[_.](mp4|mov|avi|mkv|webm|m4v|mpg|wmv)(?=[-_]\d)", re.IGNORECASE)
# What Roboflow adds to a name: the suffix that the file had, and a hash.
_ROBOFLOW = re.compile(r"(?:_(?:jpe?g|png|bmp|webp))+\.rf\.[0-9A-Za-z]+")
_ROBOFLOW_PATTERN = r"(?:_(?:jpe?g|png|bmp|webp))+\.rf\.[0-9A-Za-z]+"
_SUFFIX_PATTERN = r"\.[^./]+$"
_NUMBERED = re.compile(r"(?P<clip>.*?[^\d])(?P<frame>\d+)")
# What a camera or a tool calls every file: no name of a clip.
_ANY = re.compile(
    r"(img|image|images|dsc|dscn|dscf|pxl|photo|pic|picture|frame|file|scan|screenshot|"
    r"whatsapp|(19|20)\d\d)?[-_ .]*",
    re.IGNORECASE,
)

LEAST_CLIPS = 2
_LEAST_NAMED = 5
_LEAST_IN_FOLDER = 3
"""Frames of a clip whose name, or folder, alone says that it is one."""
_LEAST_SHARE = 0.9
_LEAST_DENSE = 0.2
"""Share of the numbers between the first and the last frame of a clip that have an image, where
the step between frames is known; ids of photos are sparser."""


@dataclass(frozen=True, slots=True)
class FrameNames:
    """The pattern that fits the names, None where the names show no clips, and why."""

    pattern: str | None
    evidence: str


def propose_pattern(datasets: Sequence[Dataset]) -> FrameNames:
    """The pattern that finds the clip of every image of some splits.

    A clip is proposed only on evidence: names with the suffix of a video before a frame number, or
    names of which nearly all are a word and a number, with numbers that follow each other for
    several words. Every other image is a clip by itself.
    """
    names = [str(name) for dataset in datasets for name in dataset.images.file_name]
    if not names:
        return FrameNames(None, "no file name could be read")
    for pattern in _patterns(names):
        clips = _clip_of(pattern, datasets)
        if None in clips:
            continue
        counts = Counter(clips)
        frames = [count for count in counts.values() if count > 1]
        if len(frames) >= LEAST_CLIPS or (frames and len(counts) >= LEAST_CLIPS):
            return FrameNames(pattern, _evidence(len(names), counts))
    return FrameNames(None, f"none, by {counted(len(names), 'file name')}")


def _clip_of(pattern: str, datasets: Sequence[Dataset]) -> list[object]:
    """The clip of each image, as the rules find it."""
    key = ClipKey(re.compile(pattern))
    return [clip for dataset in datasets for clip in clips_of(dataset.images, key).clip.tolist()]


def _evidence(total: int, counts: Counter[object]) -> str:
    several = [count for count in counts.values() if count > 1]
    alone = total - sum(several)
    text = f"{sum(several):,} of {counted(total, 'image')} in {counted(len(several), 'clip')}"
    return f"{text}, {alone:,} single" if alone else text


def _patterns(names: Sequence[str]) -> Iterator[str]:
    """Patterns that may fit, the one with the strongest evidence first."""
    stems = [_stem(name) for name in names]
    roboflow = sum(_ROBOFLOW.search(name) is not None for name in names)
    tail = f"(?:{_ROBOFLOW_PATTERN})?{_SUFFIX_PATTERN}" if roboflow else _SUFFIX_PATTERN
    marks = sorted({match[1].lower() for stem in stems if (match := _VIDEO.search(stem))})
    if marks:
        yield rf"(?P<clip>[^/]+?)(?:{_behind(marks)}[-_](?P<frame>\d+))?{tail}"
    if _are_clips(stems):
        yield rf"(?P<clip>[^/]+?)(?:(?<=[^\d/])(?P<frame>\d+))?{tail}"
    folders = [PurePosixPath(name).parent.name for name in names]
    if all(folders) and _are_numbered(folders, stems):
        yield rf"(?P<clip>[^/]+)/[^/]*?(?P<frame>\d+){tail}"
    if roboflow:
        # Several images of one source photo, as augmentation makes them.
        yield rf"(?P<clip>[^/]+?){tail}"


def _behind(marks: Sequence[str]) -> str:
    """What has to be before a frame number. A look behind has one width."""
    widths = sorted({len(mark) for mark in marks})
    looks = [
        f"(?<=[_.](?i:{'|'.join(mark for mark in marks if len(mark) == width)}))"
        for width in widths
    ]
    return looks[0] if len(looks) == 1 else f"(?:{'|'.join(looks)})"


def _stem(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    return _ROBOFLOW.sub("", path.with_suffix("").name)


def _are_clips(stems: Sequence[str]) -> bool:
    """Whether names are those of frames: a word and a number, for several words."""
    frames: dict[str, list[int]] = {}
    for stem in stems:
        match = _NUMBERED.fullmatch(stem)
        if match is not None and not _ANY.fullmatch(match["clip"]):
            frames.setdefault(match["clip"], []).append(int(match["frame"]))
    return _are_mostly_dense(frames.values(), len(stems), _LEAST_NAMED)


def _are_numbered(folders: Sequence[str], stems: Sequence[str]) -> bool:
    """Whether folders hold frames: files that differ in a number alone."""
    frames: dict[tuple[str, str], list[int]] = {}
    for folder, stem in zip(folders, stems, strict=True):
        match = re.fullmatch(r"(?P<word>.*?)(?P<frame>\d+)", stem)
        if match is not None:
            frames.setdefault((folder, match["word"]), []).append(int(match["frame"]))
    is_one_word = len({word for _, word in frames}) == 1
    return is_one_word and _are_mostly_dense(frames.values(), len(stems), _LEAST_IN_FOLDER)


def _are_mostly_dense(clips: Collection[Sequence[int]], total: int, least: int) -> bool:
    dense = [numbers for numbers in clips if _is_dense(numbers, least)]
    return len(dense) >= LEAST_CLIPS and sum(map(len, dense)) >= _LEAST_SHARE * total


def _is_dense(numbers: Sequence[int], least: int) -> bool:
    """Whether at least so many numbers follow each other in even steps, with few left out."""
    different = sorted(set(numbers))
    if len(different) < least:
        return False
    steps = [after - before for before, after in pairwise(different)]
    positions = (different[-1] - different[0]) // math.gcd(*steps) + 1
    return len(different) >= _LEAST_DENSE * positions
