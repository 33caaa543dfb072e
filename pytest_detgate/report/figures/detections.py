"""Frames to look at: ground truth and detections over the picture, at any score threshold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.outlines import (
    WORDY,
    Box,
    Tag,
    drawable,
    extent,
    font_size,
    tags_of,
    upright,
    view_of,
)

BOXES = 200
CLASSES = 8
# Detections on the whole page that only the slider shows, and those of a frame with a tag.
HIDDEN = 1200
HIDDEN_TAGS = 3
# More boxes of the ground truth than this that are missed have no tags.
TAGS_OF_MISSED = 10
Kind = Literal["truth", "crowd", "match", "false"]
# What is drawn later lies on top.
_DEPTH: dict[Kind, int] = {"crowd": 0, "truth": 1, "match": 2, "false": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOutline:
    """One box on a frame; `shown` and `missed` are how it stands at the threshold the page opens
    with.

    `score` and `found_at` have nine digits, which tell single floats apart. The former is empty
    for ground truth, the latter for a box that is never found, and None where that is no question.
    """

    box: Box
    kind: Kind
    label: str
    score: str
    found_at: str | None
    tag: Tag | None
    missed: bool
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCloseup:
    """One small box enlarged: the square of the picture that `source` shows, and its box."""

    source: str
    view: Box
    outline: FrameOutline
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What is drawn at the threshold the page opens with."""

    detections: int
    false: int
    truth: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """A class and how many of its detections stand at that threshold."""

    label: str
    detections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigure:
    """One frame with its boxes; `picture` is None where they stand on a blank frame."""

    dataset: str
    image: str
    text: str
    picture: str | None
    problem: str
    width: float
    height: float
    view: Box
    font_size: float
    outlines: list[FrameOutline]
    closeups: list[FrameCloseup]
    count: Count
    classes: list[ClassCount]
    detected: bool
    left_out: str
    alt: str


def with_detections(frames: Iterable[Frame]) -> bool:
    """Tell whether frames show what a model detected; else they are of data alone."""
    return any(box.score is not None for frame in frames for box in frame.boxes)


def lowest_score(frames: Iterable[Frame], threshold: float) -> float:
    """Return the score, in hundredths, down to which the page has detections.

    It has all of them over the threshold that it opens with. Of those that only the slider shows it
    has the best ones of all frames together, so that the same floor holds on each.
    """
    hidden = sorted(
        score
        for frame in frames
        for box in frame.boxes
        if box.score is not None and 0 <= (score := _score(box)) <= threshold
    )
    if len(hidden) <= HIDDEN:
        return 0.0
    return min(math.ceil(hidden[-HIDDEN] * 100) / 100, threshold)


def frame_figure(
    frame: Frame, album: Album, threshold: float, *, detected: bool, lowest: float = 0.0
) -> FrameFigure | None:
    """Draw one frame as it looks at a score threshold; None where the album has no room for it,
    and where there is neither a picture nor a box.

    `detected` says that a model has looked at the frame, so that a box that no detection matches
    was missed. Detections with a score up to `lowest` are left out: the slider does not go below.
    """
    frame = _over(frame, lowest) if lowest else frame
    sound = [box for box in frame.boxes if drawable(box)]
    ranked = sorted(sound, key=lambda box: (-_DEPTH[_kind(box)], -_score(box)))[:BOXES]
    places = [box.box for box in ranked]
    false = [box for box in ranked if box.false and _score(box) > threshold]
    found = album.take(frame.dataset, frame.image, [box.box for box in false])
    if found is None or (found.name is None and not ranked):
        return None
    width, height = found.size or extent(places)
    view = view_of((width, height), places)
    outlines = _outlines(ranked, view, threshold, detected=detected)
    count = _count_at(ranked, threshold, detected=detected)
    return FrameFigure(
        dataset=frame.dataset,
        image=frame.image,
        text=frame.text,
        picture=found.name,
        problem=_problem(found.problem, known=found.size is not None, boxes=bool(ranked)),
        width=width,
        height=height,
        view=view,
        font_size=font_size(view),
        # The least sure first, so that the surest lie on top.
        outlines=outlines[::-1],
        closeups=[
            FrameCloseup(
                source=source,
                view=square,
                outline=outlines[ranked.index(false[at])],
                alt=f"Enlarged: {false[at].label} {_score(false[at]):.2f}",
            )
            for at, square, source in found.closeups
        ],
        count=count,
        classes=_classes(ranked, threshold),
        detected=detected,
        left_out=(
            ""
            if len(ranked) == len(frame.boxes)
            else f"{len(ranked):,} of {counted(len(frame.boxes), 'box')} drawn"
        ),
        alt=f"{frame.dataset}: {frame.image}, {_alt(count, threshold, detected=detected)}",
    )


def _over(frame: Frame, lowest: float) -> Frame:
    boxes = [box for box in frame.boxes if box.score is None or not box.score <= lowest]
    return msgspec.structs.replace(frame, boxes=boxes)


def _count_at(boxes: Sequence[FrameBox], threshold: float, *, detected: bool) -> Count:
    over = [box for box in boxes if box.score is not None and box.score > threshold]
    return Count(
        detections=len(over),
        false=sum(box.false for box in over),
        truth=sum(box.score is None for box in boxes),
        missed=sum(detected and _missed(box, threshold) for box in boxes),
    )


def _missed(box: FrameBox, threshold: float) -> bool:
    if box.score is not None or box.crowd:
        return False
    return box.found_at is None or box.found_at <= threshold


def _alt(count: Count, threshold: float, *, detected: bool) -> str:
    truth = f"{counted(count.truth, 'box')} of ground truth"
    if not detected:
        return truth
    found = f"{counted(count.detections, 'detection')}, {count.false:,} of them false"
    over = f"at score over {number(threshold)}"
    return f"{truth}, {count.missed:,} of them missed, {found} {over}"


def _classes(ranked: Sequence[FrameBox], threshold: float) -> list[ClassCount]:
    """Count detections by class, the most frequent first; classes that have some at any
    threshold are all there, up to a few."""
    over = Counter({box.label: 0 for box in ranked if box.score is not None})
    over.update(box.label for box in ranked if box.score is not None and box.score > threshold)
    return [ClassCount(label=label, detections=count) for label, count in over.most_common(CLASSES)]


def _outlines(
    ranked: Sequence[FrameBox], view: Box, threshold: float, *, detected: bool
) -> list[FrameOutline]:
    # Beside detections, ground truth is named only while it is missed: it takes what room is left.
    told = sorted(
        (box for box in ranked if not (detected and box.crowd)),
        key=lambda box: (box.score is None, not _missed(box, threshold)),
    )
    if sum(_missed(box, threshold) for box in told) > TAGS_OF_MISSED:
        # They would cover the picture, and the outlines tell that they are missed.
        told = [box for box in told if box.score is not None]
    shown = [box for box in told if not _is_hidden(box, threshold)]
    told = [*shown, *[box for box in told if _is_hidden(box, threshold)][:HIDDEN_TAGS]]
    sure = [_score(box) > threshold for box in told]
    named = [one and sum(sure) <= WORDY for one in sure]
    tags = dict(zip(map(id, told), tags_of(told, view, named=named), strict=True))
    return [
        FrameOutline(
            box=upright(box.box),
            kind=_kind(box),
            label=box.label,
            score="" if box.score is None else f"{box.score:.9g}",
            found_at=_found_at(box) if detected else None,
            tag=tags.get(id(box)),
            missed=detected and _missed(box, threshold),
            shown=box.score is None or box.score > threshold,
        )
        for box in ranked
    ]


def _is_hidden(box: FrameBox, threshold: float) -> bool:
    return box.score is not None and _score(box) <= threshold


def _kind(box: FrameBox) -> Kind:
    if box.score is None:
        return "crowd" if box.crowd else "truth"
    return "false" if box.false else "match"


def _found_at(box: FrameBox) -> str | None:
    if box.score is not None or box.crowd:
        return None
    return "" if box.found_at is None else f"{box.found_at:.9g}"


def _score(box: FrameBox) -> float:
    return -1.0 if box.score is None or not math.isfinite(box.score) else box.score


def _problem(problem: str, *, known: bool, boxes: bool) -> str:
    if not problem or not boxes:
        return problem
    size = "" if known else ", whose size is guessed from them"
    return f"{problem} The boxes stand on a blank frame{size}."
