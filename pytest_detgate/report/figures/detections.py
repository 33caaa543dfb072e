"""Frames to look at: ground truth and detections over the image, at any score threshold."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import msgspec

from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.record.formatting import counted
from pytest_detgate.report.figures.album import Album, TakenImage
from pytest_detgate.report.figures.counts import (
    ClassCount,
    Count,
    box_name,
    classes_of,
    count_at,
    counts_text,
    is_hidden,
    is_missed,
    score_of,
)
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
# Detections on the whole page that only the slider shows, and those of a frame with a tag.
HIDDEN = 1200
HIDDEN_TAGS = 3
# More boxes of the ground truth than this that are missed have no tags.
TAGS_OF_MISSED = 10
Kind = Literal["truth", "crowd", "match", "false", "finding"]
# What is drawn later is on top.
_DEPTH: dict[Kind, int] = {"crowd": 0, "truth": 1, "match": 2, "false": 3, "finding": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOutline:
    """One box on a frame; `shown` and `missed` are its state at the threshold the page opens
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
    """One small box enlarged: the square of the image that `source` shows, and its box."""

    source: str
    view: Box
    outline: FrameOutline
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigure:
    """One frame with its boxes; `embedded` is None where they are on a blank frame."""

    dataset: str
    image: str
    text: str
    embedded: str | None
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
    has_findings: bool
    left_out: str
    alt: str


def lowest_score(frames: Iterable[Frame], threshold: float) -> float:
    """Return the score, in hundredths, down to which the page has detections.

    It has all of them over the threshold that it opens with. Of those that only the slider shows it
    has the best ones of all frames together, so that the same floor holds on each.
    """
    hidden = sorted(
        score
        for frame in frames
        for box in frame.boxes
        if box.score is not None and 0 <= (score := score_of(box)) <= threshold
    )
    if len(hidden) <= HIDDEN:
        return 0.0
    return min(math.ceil(hidden[-HIDDEN] * 100) / 100, threshold)


def frame_figure(
    frame: Frame,
    album: Album,
    threshold: float,
    *,
    detected: bool,
    lowest: float = 0.0,
    found_boxes: Collection[Box] = (),
) -> FrameFigure | None:
    """Draw one frame as it looks at a score threshold; None where the album has no room for it,
    and where there is neither an image nor a box.

    `detected` says that a model has looked at the frame, so that a box that no detection matches
    was missed. Detections with a score up to `lowest` are left out: the slider does not go below.
    `found_boxes` are the boxes of the rule's findings on the frame: annotated ones among them
    differ from the others.
    """
    frame = _over(frame, lowest) if lowest else frame
    sound = [box for box in frame.boxes if drawable(box)]
    kinds = {id(box): _kind(box, found_boxes) for box in sound}
    ranked = sorted(sound, key=lambda box: (-_DEPTH[kinds[id(box)]], -score_of(box)))[:BOXES]
    false = [box for box in ranked if box.false and score_of(box) > threshold]
    findings = [box for box in ranked if kinds[id(box)] == "finding"]
    enlarged = false or findings
    image = album.take(frame.dataset, frame.image, [box.box for box in enlarged])
    if image is None or (image.name is None and not ranked):
        return None
    positions = [box.box for box in ranked]
    width, height = image.size or extent(positions)
    view = view_of((width, height), positions)
    classes = classes_of(ranked, threshold, detected=detected)
    outlines = _outlines(ranked, kinds, view, threshold, classes, detected=detected)
    count = count_at(ranked, threshold, detected=detected)
    return FrameFigure(
        dataset=frame.dataset,
        image=frame.image,
        text=frame.text,
        embedded=image.name,
        problem=_problem(image.problem, known=image.size is not None, boxes=bool(ranked)),
        width=width,
        height=height,
        view=view,
        font_size=font_size(view),
        # The least sure first, so that the surest are on top.
        outlines=outlines[::-1],
        closeups=_closeups(image, [(box, outlines[ranked.index(box)]) for box in enlarged]),
        count=count,
        classes=classes,
        detected=detected,
        has_findings=bool(findings),
        left_out=(
            ""
            if len(ranked) == len(frame.boxes)
            else f"{len(ranked):,} of {counted(len(frame.boxes), 'box')} drawn"
        ),
        alt=f"{frame.dataset}: {frame.image}, {counts_text(count, threshold, detected=detected)}",
    )


def _closeups(
    image: TakenImage, enlarged: Sequence[tuple[FrameBox, FrameOutline]]
) -> list[FrameCloseup]:
    """The squares of an image that show its small boxes, which the album has cut in this order."""
    closeups = []
    for index, square, source in image.closeups:
        box, outline = enlarged[index]
        alt = f"Enlarged: {box_name(box)}"
        closeups.append(FrameCloseup(source=source, view=square, outline=outline, alt=alt))
    return closeups


def _over(frame: Frame, lowest: float) -> Frame:
    boxes = [box for box in frame.boxes if box.score is None or not box.score <= lowest]
    return msgspec.structs.replace(frame, boxes=boxes)


def _outlines(
    ranked: Sequence[FrameBox],
    kinds: Mapping[int, Kind],
    view: Box,
    threshold: float,
    classes: Sequence[ClassCount],
    *,
    detected: bool,
) -> list[FrameOutline]:
    tagged = _tagged(ranked, threshold, detected=detected)
    sure = [
        score_of(box) > threshold or not detected or is_missed(box, threshold) for box in tagged
    ]
    numbers = {look.label: look.number for look in classes if look.number is not None}
    named = [is_named and sum(sure) <= WORDY for is_named in sure]
    tags = tags_of(tagged, view, named=named, numbers=numbers)
    tag_of = dict(zip(map(id, tagged), tags, strict=True))
    return [
        FrameOutline(
            box=upright(box.box),
            kind=kinds[id(box)],
            label=box.label,
            score="" if box.score is None else f"{box.score:.9g}",
            found_at=_found_at(box) if detected else None,
            tag=tag_of.get(id(box)),
            missed=detected and is_missed(box, threshold),
            shown=box.score is None or box.score > threshold,
        )
        for box in ranked
    ]


def _tagged(ranked: Sequence[FrameBox], threshold: float, *, detected: bool) -> list[FrameBox]:
    """The boxes that get a tag, those first that must not go without one.

    Beside detections, ground truth is named only while it is missed: it takes what room is left.
    """
    tagged = sorted(
        (box for box in ranked if not (detected and box.crowd)),
        key=lambda box: (box.score is None, not is_missed(box, threshold)) if detected else (),
    )
    if detected and sum(is_missed(box, threshold) for box in tagged) > TAGS_OF_MISSED:
        # They would cover the image, and the outlines tell that they are missed.
        tagged = [box for box in tagged if box.score is not None]
    shown = [box for box in tagged if not is_hidden(box, threshold)]
    hidden = [box for box in tagged if is_hidden(box, threshold)]
    return [*shown, *hidden[:HIDDEN_TAGS]]


def _kind(box: FrameBox, found_boxes: Collection[Box]) -> Kind:
    if box.score is not None:
        return "false" if box.false else "match"
    if any(_same(box.box, found_box) for found_box in found_boxes):
        return "finding"
    return "crowd" if box.crowd else "truth"


def _same(first: Box, second: Box) -> bool:
    """Whether two boxes are one: those of frames have six digits."""
    return all(map(partial(math.isclose, rel_tol=1e-5, abs_tol=1e-5), first, second))


def _found_at(box: FrameBox) -> str | None:
    if box.score is not None or box.crowd:
        return None
    return "" if box.found_at is None else f"{box.found_at:.9g}"


def _problem(problem: str, *, known: bool, boxes: bool) -> str:
    if not problem or not boxes:
        return problem
    size = "" if known else ", whose size is guessed from them"
    return f"{problem} The boxes are on a blank frame{size}."
